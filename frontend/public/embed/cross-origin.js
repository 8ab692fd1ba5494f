// The chat server is another origin: named by ?server=, else port 8333 of the same machine.
const usual = `${location.protocol}//${location.hostname}:8333`
const server = new URLSearchParams(location.search).get('server') || usual

document.getElementById('server').textContent = server
const tag = document.createElement('script')
tag.src = `${server}/widget.js`
document.body.append(tag)
