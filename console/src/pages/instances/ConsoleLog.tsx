import { DownloadOutlined, DownOutlined, SearchOutlined, UpOutlined } from '@ant-design/icons'
import { useQuery } from '@tanstack/react-query'
import { Button, Input } from 'antd'
import { type CSSProperties, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { consoleLogQuery, type Instance, isRunning, LOG_LINES, wholeLog } from '../../api/instances'
import { Failure } from '../../components/Failure'
import { useFail } from '../../components/useFail'
import { cut, type Piece, placesOf, runsOf, shown } from '../../lib/ansi'
import { saveText } from '../../lib/save'
import { plainText } from '../../lib/text'
import { FullScreen } from '../../ui/FullScreen'

/** So many places are found; a guest may have printed a sign ten thousand times. */
const MOST_FOUND = 999

/** The guest's own words, in its colours; it follows while the guest runs, unless somebody has scrolled up to read. */
export function ConsoleLog({ instance }: { instance: Instance }) {
  const { id, name } = instance
  const { t } = useTranslation()
  const fail = useFail()
  const { data, error } = useQuery(consoleLogQuery(id, isRunning(instance)))
  const whole = useRef<HTMLDivElement>(null)
  const box = useRef<HTMLPreElement>(null)
  const follows = useRef(true)
  const [wanted, setWanted] = useState('')
  const [chosen, setChosen] = useState(0)
  const { runs, text } = useMemo(() => {
    const runs = runsOf(data ?? '')
    return { runs, text: runs.map(({ text }) => text).join('') }
  }, [data])
  const places = useMemo(() => placesOf(text, wanted, MOST_FOUND), [text, wanted])
  const pieces = useMemo(() => cut(runs, places, wanted.length), [runs, places, wanted])
  const at = Math.min(chosen, Math.max(0, places.length - 1))
  useLayoutEffect(() => {
    if (box.current && follows.current) box.current.scrollTop = box.current.scrollHeight
  }, [data])
  useEffect(() => {
    box.current?.querySelector('mark.chosen')?.scrollIntoView({ block: 'center' })
  }, [at, wanted])
  if (error && data === undefined) return <Failure error={error} />
  const go = (by: number) => places.length > 0 && setChosen((at + by + places.length) % places.length)
  const save = () => wholeLog(id).then((printed) => saveText(`${name}-console.log`, plainText(printed)), (error: unknown) => fail(t('console.download'), error))
  const count = places.length >= MOST_FOUND ? `${MOST_FOUND}+` : places.length
  const isCut = text.split('\n').length >= LOG_LINES
  return (
    <div className="console" ref={whole}>
      <div className="toolbar">
        <Input
          className="log-search"
          size="small"
          prefix={<SearchOutlined aria-hidden />}
          aria-label={t('console.search')}
          placeholder={t('console.search')}
          allowClear
          value={wanted}
          onChange={({ target }) => {
            setWanted(target.value)
            setChosen(0)
          }}
          onPressEnter={({ shiftKey }) => go(shiftKey ? -1 : 1)}
        />
        <Button size="small" icon={<UpOutlined aria-hidden />} aria-label={t('console.previous')} disabled={places.length === 0} onClick={() => go(-1)} />
        <Button size="small" icon={<DownOutlined aria-hidden />} aria-label={t('console.next')} disabled={places.length === 0} onClick={() => go(1)} />
        <span className="quiet small number" role="status">{wanted === '' ? '' : places.length === 0 ? t('console.notFound') : t('console.found', { at: at + 1, count })}</span>
        <span style={{ flex: 1 }} />
        <Button size="small" icon={<DownloadOutlined aria-hidden />} onClick={() => void save()}>{t('console.download')}</Button>
        <FullScreen of={whole} />
      </div>
      {isCut && <p className="quiet small lead">{t('console.last', { count: LOG_LINES })}</p>}
      <pre
        ref={box}
        className="log mono"
        tabIndex={0}
        role="log"
        aria-live="off"
        aria-label={t('console.log')}
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          follows.current = scrollHeight - scrollTop - clientHeight < 24
        }}
      >
        {data !== undefined && text === '' ? t('console.silent') : pieces.map((piece, n) => <Part key={n} piece={piece} isChosen={piece.found === at} />)}
      </pre>
    </div>
  )
}

/** Text alone where nothing marks it: a log without colours is one text. */
function Part({ piece: { text, style, found }, isChosen }: { piece: Piece; isChosen: boolean }) {
  const css: CSSProperties = shown(style)
  const isPlain = Object.keys(css).length === 0
  if (found !== undefined) return <mark className={isChosen ? 'chosen' : undefined}>{text}</mark>
  return isPlain ? text : <span style={css}>{text}</span>
}
