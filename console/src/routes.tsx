import { createBrowserRouter, Outlet } from 'react-router'
import { NotFound } from './components/NotFound'
import { OfInstances } from './components/OfInstances'
import { OfPeople } from './components/OfPeople'
import { OnlyAdmin } from './components/OnlyAdmin'
import { PageFailed } from './components/PageFailed'
import { Shell } from './components/Shell'
import { Uploads } from './components/Uploads'
import { SignIn } from './pages/SignIn'
import { PAGES } from './paths'
import { Theme } from './theme'

/** The theme and the uploads around every page; inside the router, so that links work in notices too. */
const root = (
  <Theme>
    <Uploads>
      <Outlet />
    </Uploads>
  </Theme>
)

/** Every URL of the console. A page's code is loaded when it is first opened. */
export const router = createBrowserRouter([
  {
    element: root,
    HydrateFallback: () => null,
    children: [
      { path: PAGES.signIn, element: <SignIn /> },
      { path: PAGES.screen, lazy: async () => ({ Component: (await import('./pages/instances/ScreenAlone')).ScreenAlone }) },
      {
        element: <Shell />,
        children: [
          {
            // Within the shell: a page that cannot be drawn takes nothing else with it.
            errorElement: <PageFailed />,
            children: [
              { path: PAGES.home, lazy: async () => ({ Component: (await import('./pages/Home')).Home }) },
              {
                element: <OfInstances />,
                children: [
                  { path: PAGES.instances, lazy: async () => ({ Component: (await import('./pages/instances/Instances')).Instances }) },
                  { path: PAGES.instance, lazy: async () => ({ Component: (await import('./pages/instances/Instance')).InstancePage }) },
                  { path: PAGES.launch, lazy: async () => ({ Component: (await import('./pages/launch/Launch')).LaunchPage }) },
                  { path: PAGES.keyPairs, lazy: async () => ({ Component: (await import('./pages/keyPairs/KeyPairs')).KeyPairs }) },
                  { path: PAGES.flavors, lazy: async () => ({ Component: (await import('./pages/admin/Flavors')).Flavors }) },
                ],
              },
              { path: PAGES.images, lazy: async () => ({ Component: (await import('./pages/images/Images')).Images }) },
              { path: PAGES.image, lazy: async () => ({ Component: (await import('./pages/images/Image')).ImagePage }) },
              { path: PAGES.channels, lazy: async () => ({ Component: (await import('./pages/channels/Channels')).Channels }) },
              { path: PAGES.channel, lazy: async () => ({ Component: (await import('./pages/channels/Channel')).ChannelPage }) },
              { path: PAGES.apiAccess, lazy: async () => ({ Component: (await import('./pages/access/ApiAccess')).ApiAccess }) },
              { path: PAGES.activity, lazy: async () => ({ Component: (await import('./pages/Activity')).Activity }) },
              {
                element: <OnlyAdmin />,
                children: [
                    { path: PAGES.host, lazy: async () => ({ Component: (await import('./pages/admin/Host')).Host }) },
                    {
                      element: <OfPeople />,
                      children: [
                        { path: PAGES.projects, lazy: async () => ({ Component: (await import('./pages/admin/Projects')).Projects }) },
                        { path: PAGES.users, lazy: async () => ({ Component: (await import('./pages/admin/Users')).Users }) },
                      ],
                    },
                    { path: PAGES.audit, lazy: async () => ({ Component: (await import('./pages/admin/Audit')).Audit }) },
                ],
              },
              { path: '*', element: <NotFound /> },
            ],
          },
        ],
      },
    ],
  },
])
