import type { Messages } from '../i18n'

export const ja: Messages = {
  yes: 'はい',
  no: 'いいえ',
  select: '{{name}} を選択',
  enable: '{{name}} を有効にする',
  selected: '{{count}} 件選択中',
  nav: {
    label: 'メインメニュー', skip: '本文へ移動', instances: 'インスタンス', images: 'イメージ', keyPairs: 'キーペア', flavors: 'フレーバー', projects: 'プロジェクト', users: 'ユーザー', audit: '監査',
  },
  prefs: { language: '言語', light: 'ライト', dark: 'ダーク' },
  project: { label: 'プロジェクト', none: 'プロジェクトなし', failed: 'プロジェクトを切り替えられませんでした' },
  account: { label: 'アカウント', signOut: 'サインアウト' },
  signIn: {
    title: 'サインイン', user: 'ユーザー名', password: 'パスワード', domain: 'ドメイン', submit: 'サインイン', otherDomain: '別のドメイン',
    refused: 'ユーザー名かパスワードが違うか、アカウントが一時的にロックされています。',
    ended: 'セッションが終了しました', endedWhat: '続けるにはもう一度サインインしてください。入力中の内容は残っています。',
  },
  error: { load: '読み込めませんでした', retry: '再試行', unreachable: 'サービスに接続できません。', status: 'サービスが {{status}} を返しました。', request: 'リクエスト {{id}}' },
  notFound: { title: 'ページがありません' },
  pageFailed: { title: 'ページを表示できませんでした', what: '新しいバージョンが入った可能性があります。ページを読み込み直してください。', reload: '読み込み直す' },
  form: { name: '名前', required: '必須項目です' },
  pager: { first: '最初のページ', next: '次のページ' },
  filter: { anyStatus: 'すべての状態', beingMade: '作成中' },
  empty: { noMatch: '条件に合うものがありません', clear: '条件を消す' },
  column: {
    name: '名前', status: '状態', image: 'イメージ', flavor: 'フレーバー', address: 'アドレス', age: '経過', created: '作成', os: 'OS', size: 'サイズ', stored: '保存サイズ',
    visibility: '公開範囲', from: '共有元', format: '形式', action: '操作', when: '時刻', outcome: '結果', request: 'リクエスト', kind: '種類', enabled: '有効', who: '実行者', target: '対象', reason: '理由',
  },
  outcome: { done: '完了', failed: '失敗' },
  status: {
    running: '稼働中', stopped: '停止', error: 'エラー', building: '作成中', starting: '起動中', shuttingDown: 'シャットダウン中', rebooting: '再起動中', deleting: '削除中',
    imaging: 'イメージ作成中', ready: '利用可能', queued: 'ファイルなし', saving: '作成中', uploading: 'アップロード中', importing: '取り込み中', deactivated: '無効', notMade: '作成失敗',
  },
  reason: {
    nothingSelected: '先に選択してください。', oneOnly: '1 つだけ選択してください。', readerOnly: 'このプロジェクトでは閲覧のみできます。', busy: '別の処理が進行中です。終わるまでお待ちください。',
    notStopped: '停止していません。', notRunning: '稼働していません。', failed: 'エラー状態です。', notYours: '別のプロジェクトのものです。', notReady: 'イメージの準備ができていません。',
    isProtected: '保護されています。先に保護を解除してください。', sharingOff: 'この環境ではプロジェクト間のイメージ共有を提供していません。', publicNotShared: 'すでに全員に見えるイメージです。',
    deactivated: '無効化されたイメージです。', notActive: '無効化されていません。', noFile: '起動できるデータがありません。',
  },
  instances: {
    search: '名前で検索', launch: 'インスタンスの作成', more: '追加機能',
    action: { start: '起動', stop: 'インスタンスのシャットダウン', reboot: '再起動', hardReboot: '強制再起動', createImage: 'イメージの作成', rename: '名前の変更', delete: '削除' },
    delete: { title_one: 'このインスタンスを削除しますか?', title_other: '{{count}} 個のインスタンスを削除しますか?', what: '{{names}}: ディスクも削除されます。作成済みのイメージは残ります。', submit: '削除' },
    empty: { title: 'インスタンスはまだありません', what: 'イメージから作成してください。設定が済んだらシャットダウンして、イメージを作成できます。' },
  },
  rename: { title: '名前の変更', submit: '変更' },
  createImage: {
    title: 'イメージの作成', submit: 'イメージの作成', stopFirst: 'イメージは停止したインスタンスからのみ作成できます。先にシャットダウンしてください。', begun: 'イメージ {{name}} を作成しています',
    watch: 'イメージを表示', hint: '{{name}} のディスクが、このプロジェクトの Private イメージになります。',
  },
  instance: { facts: '基本情報', images: 'このインスタンスから作ったイメージ', noImages: 'まだありません。', history: '履歴' },
  console: {
    log: 'コンソールログ', screen: '画面', serial: 'シリアルコンソール', silent: 'まだ出力がありません。', notRunning: 'インスタンスは稼働していません。コンソールを開くには起動してください。', ended: '接続が終了しました',
    again: '再接続', connected: '接続済み', opening: '接続中…',
  },
  kind: { public: 'Public', private: 'Private', shared: '共有イメージ' },
  visibility: { public: 'Public', private: 'Private', shared: 'Shared', community: 'Community' },
  member: { pending: '承認待ち', accepted: '共有中', rejected: '拒否' },
  images: {
    search: '名前で検索', more: 'その他',
    action: { launch: 'インスタンスの作成', edit: '編集', protect: '保護', unprotect: '保護の解除', deactivate: '無効化', reactivate: '有効化', download: 'ダウンロード', delete: '削除' },
    delete: {
      title_one: 'このイメージを削除しますか?', title_other: '{{count}} 個のイメージを削除しますか?', what: '{{names}}: 稼働中のインスタンスは動き続けますが、新しく作成できなくなります。',
      space: '最大 {{size}} の容量が空きます。他のイメージと共有している分は除きます。',
    },
    empty: {
      public: 'Public イメージはありません', publicWhat: 'Public イメージは提供者が登録します。', private: 'Private イメージはまだありません',
      privateWhat: 'インスタンスをシャットダウンし、追加機能からイメージの作成を選んでください。ファイルのアップロードもできます。', shared: 'このプロジェクトに共有されたイメージはありません',
      sharedWhat: '別のプロジェクトが共有すると、すぐにここに表示されます。', toInstances: 'インスタンスへ',
    },
  },
  image: {
    protected: '保護', whyNot: 'イメージを作成できませんでした', minDisk: '最小ディスク', minRam: '最小メモリ', storage: 'ストレージ', disk: 'ディスク', file: 'ファイル', stored: '保存サイズ(圧縮後)',
    hashLater: '計算中', properties: 'プロパティとタグ', lineage: '系譜', baseImage: '元のイメージ', uploaded: 'アップロード', fromInstance: '元のインスタンス', madeFromIt: 'ここから作られたイメージ', noMembers: '共有先はありません。',
  },
  editImage: { title: 'イメージの編集', submit: '保存' },
  share: {
    title: 'イメージの共有', submit: '他のプロジェクトと共有', projects: 'プロジェクト', shared: '共有プロジェクト', search: 'プロジェクトを検索',
    what: 'プロジェクトをクリックすると移動します。共有プロジェクトは {{name}} から作成できますが、変更や再共有はできません。', noProjects: '他に所属するプロジェクトはありません。',
    pending: '承認待ち', added: '{{project}} と共有しました', removed: '{{project}} との共有を終了しました', failed: '{{project}}: {{error}}', close: '閉じる',
  },
  upload: {
    title: 'イメージのアップロード', submit: 'アップロード', choose: 'ファイルを選ぶか、ここにドロップしてください', formatHint: 'ファイルがこの形式か検査します。推測はしません。', done: '{{name}} をアップロードしました',
    failed: '{{name}} をアップロードできませんでした', cancelled: '{{name}} のアップロードを中止しました', cancel: '中止',
  },
  activity: {
    title: '進行状況', count_zero: '進行状況: なし', count_one: '進行状況: 1 件', count_other: '進行状況: {{count}} 件', empty: '進行中の処理はありません',
    emptyWhat: 'アップロードと作成中のイメージがここに表示されます。', upload: 'アップロード中: {{size}} のうち {{sent}}', image: 'イメージを作成中',
  },
  launch: {
    title: 'インスタンスの作成', nameAndCount: '名前と数', count: '数', countHint: '同じイメージの複製の数', access: 'アクセス', keyPair: 'キーペア', noKeyPair: 'なし', network: 'ネットワーク', networkAuto: 'インスタンス専用ネットワーク',
    networkNone: 'ネットワークなし', userData: 'ユーザーデータ', userDataLong: '長すぎます。最大 48 KiB です。', summary: '概要', noName: 'my-instance', noImage: 'イメージ未選択', noImages: '利用可能なイメージはありません',
    noFlavor: 'このイメージに足りるフレーバーがありません。', begun_one: '{{name}} を作成しています', begun_other: '{{name}} を {{count}} 個作成しています', asCommand: 'openstack コマンド', asTerraform: 'Terraform',
  },
  flavor: { memory: 'メモリ', disk: 'ディスク', ofImage: 'イメージと同じ' },
  keyPairs: {
    import: 'キーペアの取り込み', fingerprint: 'フィンガープリント', publicKey: '公開鍵', hint: 'SSH 鍵の公開部分です。例: id_ed25519.pub の内容。',
    empty: { title: 'キーペアはまだありません', what: 'SSH の公開鍵を取り込み、インスタンスの作成時に選んでください。' },
    delete: { title: 'キーペア {{name}} を削除しますか?', what: 'この鍵で作成したインスタンスには鍵が残ります。', submit: '削除' },
  },
  flavors: { create: 'フレーバーの作成', delete: { title: 'フレーバー {{name}} を削除しますか?', what: '使用中のインスタンスはそのままです。', submit: '削除' } },
  projects: { create: 'プロジェクトの作成', description: '説明', delete: { title: 'プロジェクト {{name}} を削除しますか?', what: '誰もこのプロジェクトで作業できなくなります。', submit: '削除' } },
  roles: { people: 'メンバー', title: '{{name}} のメンバー', none: 'ロールを持つユーザーはいません。', user: 'ユーザー', role: 'ロール', grant: '追加', revoke: '外す' },
  users: { create: 'ユーザーの作成', password: '新しいパスワード', passwordOf: '{{name}} の新しいパスワード', delete: { title: 'ユーザー {{name}} を削除しますか?', what: 'このユーザーのセッションはすぐに終了します。', submit: '削除' } },
  audit: { empty: '記録はありません' },
}
