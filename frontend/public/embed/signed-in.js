// Calls may come before widget.js has: they wait in an array.
window.prelude = window.prelude || []

document.getElementById('form').addEventListener('submit', (event) => {
  event.preventDefault()
  window.prelude.push(['identify', document.getElementById('jwt').value.trim()])
  document.getElementById('status').textContent = '已交给聊天窗口'
})
document.getElementById('leave').addEventListener('click', () => {
  window.prelude.push(['identify', ''])
  document.getElementById('status').textContent = '访客'
})
