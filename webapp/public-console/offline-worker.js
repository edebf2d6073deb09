// Answers one thing: a page of the console that is opened while there is no network gets a page that says so. Calls and files go their own way,
// and nothing is kept but that page.
'use strict'

var kept = 'offline-1'
var page = '/offline.html'
var files = [page, '/offline.css', '/offline.js', '/theme.js', '/favicon.svg']

self.addEventListener('install', function (event) {
  event.waitUntil(caches.open(kept).then(function (cache) { return cache.addAll(files) }).then(function () { return self.skipWaiting() }))
})

self.addEventListener('activate', function (event) {
  event.waitUntil(Promise.all([
    caches.keys().then(function (names) { return Promise.all(names.filter(function (name) { return name !== kept }).map(function (name) { return caches.delete(name) })) }),
    self.registration.navigationPreload ? self.registration.navigationPreload.enable() : undefined, // the page does not wait for this worker to start
  ]))
})

self.addEventListener('fetch', function (event) {
  var request = event.request
  var url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== self.location.origin || /^\/v1(\/|$)/.test(url.pathname)) return
  if (request.mode === 'navigate') event.respondWith(fromNetwork(event))
  else if (files.indexOf(url.pathname) > 0) event.respondWith(fetch(request).catch(function () { return fromKept(url.pathname) }))
})

function fromKept(path) {
  return caches.match(path).then(function (answer) { return answer || Response.error() })
}

async function fromNetwork(event) {
  try {
    return (await event.preloadResponse) || (await fetch(event.request))
  } catch (e) {
    return fromKept(page)
  }
}
