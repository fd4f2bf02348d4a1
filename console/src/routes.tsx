import { createBrowserRouter, Outlet } from 'react-router'
import { NotFound } from './components/NotFound'
import { Home, OfInstances } from './components/OfInstances'
import { PageFailed } from './components/PageFailed'
import { Shell } from './components/Shell'
import { Uploads } from './components/Uploads'
import { SignIn } from './pages/SignIn'
import { paths } from './paths'
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
      { path: paths.signIn, element: <SignIn /> },
      {
        element: <Shell />,
        errorElement: <PageFailed />,
        children: [
          { path: paths.home, element: <Home /> },
          {
            element: <OfInstances />,
            children: [
              { path: paths.instances, lazy: async () => ({ Component: (await import('./pages/instances/Instances')).Instances }) },
              { path: paths.instance(':id'), lazy: async () => ({ Component: (await import('./pages/instances/Instance')).InstancePage }) },
              { path: paths.launch, lazy: async () => ({ Component: (await import('./pages/launch/Launch')).LaunchPage }) },
              { path: paths.keyPairs, lazy: async () => ({ Component: (await import('./pages/keyPairs/KeyPairs')).KeyPairs }) },
              { path: paths.flavors, lazy: async () => ({ Component: (await import('./pages/admin/Flavors')).Flavors }) },
            ],
          },
          { path: paths.images, lazy: async () => ({ Component: (await import('./pages/images/Images')).Images }) },
          { path: paths.image(':id'), lazy: async () => ({ Component: (await import('./pages/images/Image')).ImagePage }) },
          { path: paths.activity, lazy: async () => ({ Component: (await import('./pages/Activity')).Activity }) },
          { path: paths.projects, lazy: async () => ({ Component: (await import('./pages/admin/Projects')).Projects }) },
          { path: paths.users, lazy: async () => ({ Component: (await import('./pages/admin/Users')).Users }) },
          { path: paths.audit, lazy: async () => ({ Component: (await import('./pages/admin/Audit')).Audit }) },
          { path: '*', element: <NotFound /> },
        ],
      },
    ],
  },
])
