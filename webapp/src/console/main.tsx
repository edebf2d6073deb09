import './fragment' // first: a secret leaves the address before anything reads it
import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { watchActivity } from '../shared/activity'
import { startI18n } from './i18n'
import { keepOfflinePage } from './offline'
import { router } from './router'
import { queryClient } from './session'
import './style.css'

watchActivity(window)
await startI18n()
const root = document.getElementById('root')
if (root)
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  )
keepOfflinePage()
