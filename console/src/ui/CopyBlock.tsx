import { Typography } from 'antd'

/** Text to be copied, as it is. */
export function CopyBlock({ text, label, height }: { text: string; label: string; height?: number }) {
  return (
    <div style={{ position: 'relative' }}>
      <pre className="code mono" role="group" aria-label={label} tabIndex={0} style={{ maxHeight: height }}>{text}</pre>
      <Typography.Text style={{ position: 'absolute', top: 6, right: 8 }} copyable={{ text }} />
    </div>
  )
}
