import { Failure } from './Failure'
import { PageHead } from './PageHead'

/** A page whose thing could not be loaded. */
export function Missing({ title, error, retry }: { title: string; error: unknown; retry: () => void }) {
  return (
    <>
      <PageHead title={title} />
      <Failure error={error} retry={retry} />
    </>
  )
}
