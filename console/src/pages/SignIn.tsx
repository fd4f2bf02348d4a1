import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { Navigate, useNavigate, useSearchParams } from 'react-router'
import { sessionQuery } from '../api/session'
import { Languages, ModeButton } from '../components/Preferences'
import { SignInForm } from '../components/SignInForm'
import { safeNext } from '../paths'

export function SignIn() {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const queries = useQueryClient()
  const [words] = useSearchParams()
  const next = safeNext(words.get('next'))
  const session = useQuery(sessionQuery)
  useEffect(() => {
    document.title = `${t('signIn.title')} · Effigy`
  }, [t])
  if (session.data) return <Navigate to={next} replace />
  return (
    <main className="sign-in">
      <div>
        <div className="card">
          <h1 className="shell-brand" style={{ fontSize: 22, margin: '0 0 18px', width: 'auto' }}>
            <img src="/favicon.svg" alt="" /> Effigy
          </h1>
          <SignInForm
            project={new URL(next, location.origin).searchParams.get('project') ?? undefined}
            onDone={(fresh) => {
              queries.clear()
              queries.setQueryData(sessionQuery.queryKey, fresh)
              void navigate(next, { replace: true })
            }}
          />
        </div>
        <div className="sign-in-tools">
          <Languages />
          <ModeButton />
        </div>
      </div>
    </main>
  )
}
