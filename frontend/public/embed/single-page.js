window.prelude = window.prelude || []

function show() {
  const product = new URLSearchParams(location.search).get('product') || ''
  const link = document.querySelector(`nav a[data-product="${CSS.escape(product)}"]`)
  document.getElementById('product').textContent = link ? link.textContent : product
  window.prelude.push(['setContext', { product, page: location.href, cart: [] }])
}

document.querySelector('nav').addEventListener('click', (event) => {
  const link = event.target.closest('a')
  if (!link) return
  event.preventDefault()
  history.pushState(null, '', link.href)
  show()
})
window.addEventListener('popstate', show)
document.getElementById('ask').addEventListener('click', () => window.prelude.push(['open']))

let count = 0
window.prelude.push(['on', 'message', () => {
  count += 1
  document.getElementById('count').textContent = String(count)
}])
show()
