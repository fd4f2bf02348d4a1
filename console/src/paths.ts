/** The only place that spells a URL of the console. */
export const paths = {
  /** The first page that the deployment has. */
  home: '/',
  signIn: '/sign-in',
  instances: '/instances',
  instance: (id: string) => `/instances/${id}`,
  launch: '/launch',
  launchFrom: (image: string) => `/launch?image=${image}`,
  images: '/images',
  imagesOf: (kind: string) => `/images?kind=${kind}`,
  image: (id: string) => `/images/${id}`,
  keyPairs: '/key-pairs',
  activity: '/activity',
  flavors: '/flavors',
  projects: '/projects',
  users: '/users',
  audit: '/audit',
}

/** Where to go after signing in: a page of ours, whatever the address says. */
export function safeNext(next: string | null): string {
  if (!next) return paths.home
  const url = new URL(next, location.origin)
  const isOurs = url.origin === location.origin && next.startsWith('/') && !/^\/[/\\]/.test(next)
  return isOurs ? url.pathname + url.search : paths.home
}
