// The language of this browser, and the way back as soon as there is one.
(function () {
  var wish = null
  try {
    wish = localStorage.getItem('countersign.language')
  } catch (e) { /* storage switched off: the browser's language */ }
  var german = (wish || navigator.language || '').toLowerCase().indexOf('de') === 0
  if (german) {
    document.documentElement.lang = 'de'
    document.title = 'Sie sind offline'
    document.querySelector('h1').textContent = 'Sie sind offline'
    document.querySelector('p').textContent = 'Die Konsole war nicht zu erreichen. Nichts wurde geändert. Sie öffnet sich von selbst, wenn das Netz wieder da ist.'
    document.querySelector('button').textContent = 'Noch einmal versuchen'
  }
  var again = function () { location.reload() }
  document.querySelector('button').addEventListener('click', again)
  addEventListener('online', again)
})()
