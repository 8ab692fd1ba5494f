/** The shop's products, as the server tells them. */

export interface Product {
  id: string
  name: string
  category: string
  price_fen: number
  picture: string
  tagline: string
}

export interface Catalogue {
  shop: { name: string; tagline: string; phone: string }
  products: Product[]
}

export async function loadCatalogue(): Promise<Catalogue> {
  const answer = await fetch('/demo/products.json')
  if (!answer.ok) throw new Error(`products.json: ${answer.status}`)
  return (await answer.json()) as Catalogue
}

const ROUTE = /^#\/product\/([\w-]+)$/

/** Which product the address names, '' for the whole shop. */
export function productInAddress(): string {
  return ROUTE.exec(location.hash)?.[1] ?? ''
}
