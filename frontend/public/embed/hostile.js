// A page with hot keys: what is typed in the chat must not reach them.
document.addEventListener('keydown', (event) => {
  document.getElementById('keys').textContent += ` ${event.key}`
  if (event.key !== 'Tab') event.preventDefault()
})
