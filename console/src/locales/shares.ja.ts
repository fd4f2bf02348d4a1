import type { rests as restsEn, shares as sharesEn, terms as termsEn } from './shares.en'

export const terms: typeof termsEn = {
  end: '終了', never: 'なし', day: '1 日後', week: '1 週間後', month: '1 か月後', own: '日時を指定', at: '終了の日時', texts: 'メモや理由を追加',
  note: '共有先へのメモ', noteHint: '共有先は、承認の前にも後にも読めます。', reason: '理由', reasonHint: 'このプロジェクトだけのもので、共有先には見えません。', bytes: '{{used}} / {{most}} バイト',
  misfit: { time: '日付と時刻を選んでください。', past: '終了は、これからの日時にしてください。' }, asCurl: 'curl コマンド',
  ends: '{{when}}に終了', ended: '終了済み', noEnd: '終了なし', edit: '条件を変更', editOf: '{{project}} の条件を変更', editTitle: '{{project}} の条件', save: '保存する',
}
export const shares: typeof sharesEn = {
  end: '終了', endOf: '{{project}} との共有を終了', endTitle: '{{project}} との共有を終了しますか？', endSubmit: '共有を終了する',
  endWhat: '{{project}} はすぐに {{image}} を失い、一覧、起動、ダウンロードができなくなります。作成済みのインスタンスは動き続けます。', endOffer: '{{project}} は {{image}} をまだ承認していません。以後は承認できなくなります。',
  launched_zero: '起動なし', launched_one: '起動 1 回', launched_other: '起動 {{count}} 回', downloaded_zero: 'ダウンロードなし', downloaded_one: 'ダウンロード 1 回', downloaded_other: 'ダウンロード {{count}} 回',
  history: '履歴', noHistory: 'この 1 年には何もありません。', noMore: 'これより古いものはありません。', until: '{{time}} まで', show: '表示', hide: '隠す',
  own: { shared: '{{project}} と共有しました', changed: '{{project}} の条件を変更しました', pending: '{{project}} が回答を取り消しました', accepted: '{{project}} が承認しました', rejected: '{{project}} が拒否しました', ended: '{{project}} との共有をここで終了しました', expired: '{{project}} との共有は期日に終了しました' },
  received: {
    title: 'このプロジェクトへの提案の履歴', shared: '{{image}} が提案されました', changed: '{{image}}: 条件が変わりました', pending: '{{image}}: 回答を取り消しました', accepted: '{{image}} を承認しました', rejected: '{{image}} を拒否しました', ended: '{{image}}: 所有者が共有を終了しました', expired: '{{image}}: 共有は期日に終了しました',
  },
}
export const rests: typeof restsEn = {
  title: '削除した場合', unknown: 'イメージが何に使われているか、今は分かりません', refused: '今は削除できません。', deactivate_one: 'このイメージを無効にしますか？', deactivate_other: '{{count}} 個のイメージを無効にしますか？', deactivateWhat: '再び有効にするまで、管理者のほかはだれも起動もダウンロードもできません。インスタンスは動き続けます。',
  instances_one: 'このプロジェクトの 1 台のインスタンスがここから作成されていて、動き続けます:', instances_other: 'このプロジェクトの {{count}} 台のインスタンスがここから作成されていて、動き続けます:', instancesElsewhere_one: '別のプロジェクトの 1 台のインスタンスがここから作成されていて、動き続けます。', instancesElsewhere_other: '別のプロジェクトの {{count}} 台のインスタンスがここから作成されていて、動き続けます。',
  noRebuild: '以後、これらのインスタンスをこのイメージで再構築することはできません。', noRebuildNow: 'その間、これらのインスタンスをこのイメージで再構築することはできません。', frees: 'ここから作成されたインスタンスがなくなると、{{size}} が空きます。', images_one: 'このプロジェクトの 1 個のイメージがここから作られていて、そのまま残ります:', images_other: 'このプロジェクトの {{count}} 個のイメージがここから作られていて、そのまま残ります:', imagesElsewhere_one: '別のプロジェクトの 1 個のイメージがここから作られていて、そのまま残ります。', imagesElsewhere_other: '別のプロジェクトの {{count}} 個のイメージがここから作られていて、そのまま残ります。',
  release: 'リリース {{number}} がチャンネルからなくなります:', releaseCurrent: '現在のリリース {{number}} です。その間、チャンネルの名前ではだれも起動できません:', releaseOlder: '以前のリリース {{number}} です。チャンネル:', stores: '次のストアからなくなります: {{names}}', work: '進行中の処理が終わります: {{what}}',
  offersGone_one: '回答待ちの提案 1 件がなくなります。', offersGone_other: '回答待ちの提案 {{count}} 件がなくなります。', offersPaused_one: '提案 1 件は回答待ちのままです。', offersPaused_other: '提案 {{count}} 件は回答待ちのままです。',
  paused_one: '共有先の 1 プロジェクトは、その間使えません: {{names}}', paused_other: '共有先の {{count}} プロジェクトは、その間使えません: {{names}}', more_one: 'ほか 1 件', more_other: 'ほか {{count}} 件', some: '最初の {{count}} 個のイメージだけを調べました。',
}
