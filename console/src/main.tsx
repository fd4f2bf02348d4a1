import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { RouterProvider } from 'react-router'
import { askAgain } from './api/errors'
import './app.css'
import { startLanguages } from './i18n'
import { router } from './routes'

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 1000,
      // A browser that believes itself offline is asked all the same: the service may be on this machine.
      networkMode: 'always',
      refetchOnReconnect: true,
      retry: askAgain,
    },
    mutations: { networkMode: 'always' },
  },
})

const root = document.getElementById('root')
if (root) {
  void startLanguages().then(() =>
    createRoot(root).render(
      <StrictMode>
        <QueryClientProvider client={queries}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </StrictMode>,
    ),
  )
}
