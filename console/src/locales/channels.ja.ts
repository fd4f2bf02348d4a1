import type { channel as en } from './channels.en'

export const channel: typeof en = {
  title: 'チャンネル', one: 'チャンネル', new: '新しいチャンネル', create: 'チャンネルの作成', createSubmit: '作成する', release: 'リリース', releases: 'リリースの一覧', released: 'リリース日時', current: '現在', formerName: '以前の名前',
  empty: 'チャンネルはまだありません', emptyWhat: 'チャンネルは、最後にリリースしたイメージをいつも指す名前です。', releaseOf: 'リリース {{number}}', notes: 'リリースノート', save: '保存する',
  how: 'イメージ {{name}} を検索したり起動したりすると、現在のリリースが使われます。以前のリリースは非表示になりますが、引き続き使えます。',
  promote: '昇格', promoteTitle: 'イメージの昇格', promoteWhat: 'イメージにチャンネルの名前が付き、だれでもその名前で見つけます。前のリリースは非表示になりますが、引き続き使えます。', createWhat: 'イメージにチャンネルの名前が付き、最初のリリースになります。',
  reasonHint: 'チャンネルの履歴に残り、監査にも保管されます。', rollBack: '元に戻す', rollBackTitle: '前のリリースに戻しますか？', rollBackWhat: 'リリース {{number}} は非表示になり、その前のリリースがふたたび現在のものになります。インスタンスはそのままです。',
  end: '非推奨と終了', deprecatedFrom: '非推奨の開始日', deprecatedHint: '見る人に、別のリリースを使うよう知らせます。', retiredFrom: '終了日', retiredHint: 'この日から無効になり、管理者のほかはだれも起動できません。インスタンスは動き続けます。',
  deprecated: '非推奨', deprecates: '{{date}} から非推奨', retired: '終了', retires: '{{date}} に終了', delete: 'チャンネルの削除', deleteTitle: 'チャンネル {{name}} を削除しますか？', deleteWhat: 'イメージはそのまま残ります。現在のものは一覧に表示され、ほかは非表示のままです。',
  history: 'リリースの履歴', step: { promoted: '{{user}} がリリース {{number}} を昇格しました', rolled_back: '{{user}} がリリース {{number}} に戻しました' }, because: '理由: {{reason}}',
  older: '以前のリリースのインスタンス', noneOlder: 'このプロジェクトには、以前のリリースで動くインスタンスはありません。', rebuild: '現在のリリースで再構築', elsewhere_one: '別のプロジェクトにもう 1 個あります。', elsewhere_other: '別のプロジェクトにさらに {{count}} 個あります。',
}
