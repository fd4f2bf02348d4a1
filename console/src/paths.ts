import { currentProject } from './api/http'

/** Every page's address, as the router knows it; the service answers the same ones (src/api/ui/mod.rs). */
export const PAGES = {
  home: '/',
  signIn: '/sign-in',
  screen: '/screen',
  instances: '/instances',
  instance: '/instances/:id',
  launch: '/launch',
  images: '/images',
  image: '/images/:id',
  channels: '/channels',
  channel: '/channels/:id',
  keyPairs: '/key-pairs',
  activity: '/activity',
  apiAccess: '/api-access',
  flavors: '/flavors',
  host: '/host',
  projects: '/projects',
  users: '/users',
  audit: '/audit',
} as const

/** A page in the tab's project, which the address names: so a link can be sent, and another tab can work elsewhere. */
function here(path: string, words: Record<string, string> = {}): string {
  const project = currentProject()
  const search = new URLSearchParams(project === undefined ? words : { ...words, project }).toString()
  return search === '' ? path : `${path}?${search}`
}

/** The parts of an image's page. */
export const IMAGE_TABS = ['overview', 'report', 'uses', 'sharing', 'properties', 'storage'] as const
export type ImageTab = (typeof IMAGE_TABS)[number]

/** Links to the pages: the only place that makes one. */
export const paths = {
  get home() { return here(PAGES.home) },
  get instances() { return here(PAGES.instances) },
  instance: (id: string) => here(`/instances/${id}`),
  get launch() { return here(PAGES.launch) },
  launchFrom: (image: string) => here(PAGES.launch, { image }),
  launchLike: (instance: string) => here(PAGES.launch, { like: instance }),
  get images() { return here(PAGES.images) },
  get upload() { return here(PAGES.images, { kind: 'private', add: 'upload' }) },
  imagesOf: (kind: string) => here(PAGES.images, { kind }),
  image: (id: string, tab?: ImageTab) => here(`/images/${id}`, tab && { tab }),
  get channels() { return here(PAGES.channels) },
  channel: (id: string) => here(`/channels/${id}`),
  get keyPairs() { return here(PAGES.keyPairs) },
  get apiAccess() { return here(PAGES.apiAccess) },
  get activity() { return here(PAGES.activity) },
  get flavors() { return here(PAGES.flavors) },
  get host() { return here(PAGES.host) },
  get allImages() { return here(PAGES.images, { kind: 'all' }) },
  imagesOfProject: (owner: string) => here(PAGES.images, { kind: 'all', owner }),
  instancesTagged: (tag: string) => here(PAGES.instances, { tag }),
  get allInstances() { return here(PAGES.instances, { scope: 'all' }) },
  instancesOfProject: (owner: string) => here(PAGES.instances, { scope: 'all', owner }),
  get projects() { return here(PAGES.projects) },
  get users() { return here(PAGES.users) },
  get audit() { return here(PAGES.audit) },
}

/** The page to sign in on, which then leads on to another. */
export const signInFor = (next: string) => (next === PAGES.home ? PAGES.signIn : `${PAGES.signIn}?next=${encodeURIComponent(next)}`)

/** Where to go after signing in: a page of ours, whatever the address says. */
export function safeNext(next: string | null): string {
  if (!next) return PAGES.home
  const url = new URL(next, location.origin)
  const isOurs = url.origin === location.origin && next.startsWith('/') && !/^\/[/\\]/.test(next)
  return isOurs ? url.pathname + url.search : PAGES.home
}
