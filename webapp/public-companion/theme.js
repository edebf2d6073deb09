// Runs before the first paint, so that a chosen theme never flashes the other one.
(function () {
  try {
    var theme = localStorage.getItem('companion.theme')
    if (theme !== 'light' && theme !== 'dark') return
    document.documentElement.dataset.theme = theme
    document.querySelectorAll('meta[name="theme-color"]').forEach(function (meta) { meta.content = theme === 'dark' ? '#0b1120' : '#f1f5f9' })
  } catch (e) { /* storage switched off: the system's theme */ }
})()
