import type { project as en } from './project.en'

export const project: typeof en = {
  home: {
    offers_one: '別のプロジェクトからイメージ 1 個の共有の提案があります。', offers_other: '別のプロジェクトからイメージ {{count}} 個の共有の提案があります。', toOffers: '提案を見る',
    failed: '過去 24 時間の失敗', nothingFailed: '失敗はありません', all: 'すべての進行状況', more_one: 'ほか 1 件', more_other: 'ほか {{count}} 件', first: 'はじめに',
    step: {
      key: 'キーペアを作る', keyWhat: '秘密鍵でインスタンスにサインインします。', launch: 'インスタンスを作る', launchWhat: 'Public イメージとキーペアから作成します。', upload: 'イメージをアップロード', uploadWhat: '手元のディスクファイルを送ります。',
      create: 'イメージを作る', createWhat: '設定してシャットダウンしたインスタンスから作成します。', api: 'API を使う', apiWhat: 'openstack と Terraform 用の clouds.yaml を取得します。',
    },
  },
  usage: { title: '使用量', of: '{{limit}} 中 {{used}}', instances: 'インスタンス', vcpus: 'vCPU', memory_mib: 'メモリ', images: 'イメージ', image_bytes: 'イメージファイル' },
  doing: {
    title: '進行中', lately: '過去 24 時間', underWay: '進行中', sent: '{{size}} のうち {{sent}}', cancel: '{{name}} を中止', goOn: '続ける',
    cancelTitle: '{{name}} を中止しますか？', cancelWhat: 'まだデータのないイメージで、削除されます。', cancelSubmit: '中止して削除',
    image: { create: '作成', upload: 'アップロード中', stage: 'インポート待ち', parts: 'ファイルの残りを待っています', import: 'インポート中', capture: 'インスタンスから作成中', clean: 'クリーンなコピーを作成中', copy: '別のストアへのコピー' },
    instance: {
      create: '作成', start: '起動', stop: 'インスタンスのシャットダウン', forceOff: '強制停止', reboot: '再起動', pause: '一時停止', unpause: '再開', suspend: 'サスペンド', resume: '再開', rescue: 'レスキュー', unrescue: 'レスキューの終了', shelve: 'シェルブ', unshelve: 'シェルブの解除',
      resize: 'フレーバーの変更', confirmResize: 'フレーバー変更の確定', revertResize: 'フレーバー変更の取り消し', rebuild: '再構築', createImage: 'イメージの作成', delete: '削除',
    },
  },
  access: {
    title: 'API アクセス', files: '設定ファイル', filesWhat: 'openstack や Terraform などでプロジェクト {{project}} を使うためのものです。パスワードは含まれず、openstack が尋ねます。', download: '{{name}} をダウンロード', rc: 'openrc.sh',
    endpoints: 'エンドポイント', service: 'サービス', url: 'URL', credentials: 'アプリケーション認証情報', credentialsWhat: 'プログラムがパスワードなしでサインインするためのものです。1 つのプロジェクトで、あなたのロールの範囲内で使えます。',
    make: 'アプリケーション認証情報の作成', none: 'アプリケーション認証情報はまだありません', expires: '有効期限', never: '無期限', expired: '期限切れ', roles: 'ロール', rolesHint: '選ばなければ、あなたのすべてのロールを持ちます。', description: '説明', expiresHint: '日付がなければ無期限です。',
    rules: '許可するリクエスト', rulesHint: '1 行に 1 つ、サービス、メソッド、パスを書きます。* はパスの一部分、** は残り全体です。空ならすべてのリクエストを許可します。', notRule: 'ルールではありません: {{line}}', everything: 'すべて',
    made: 'アプリケーション認証情報 {{name}}', once: 'シークレットを今すぐ保存してください。表示は一度だけで、どこにも保管されません。', secret: 'シークレット', id: '識別子 (ID)', haveIt: '保存しました',
    delete: { title: 'アプリケーション認証情報 {{name}} を削除しますか？', what: 'これでサインインするプログラムは、すぐに使えなくなります。', submit: '削除' },
    sessions: { title: 'サインインしている場所', what: 'このコンソールやプログラムからパスワードでサインインしたセッションです。心当たりのないものは終了し、パスワードを変更してください。', address: 'アドレス', this: 'このセッション', began: 'サインイン日時', end: '終了', endOf: '{{address}} のセッションを終了', endOthers: '他をすべて終了' },
    password: 'パスワード', original: '現在のパスワード', new: '新しいパスワード', again: '新しいパスワード (確認)', differ: '一致していません。', change: 'パスワードを変更', changed: 'パスワードを変更しました', changedWhat: 'ほかのセッションはすべて終了しました。', wrong: '現在のパスワードが違います。', project: 'プロジェクト',
  },
  list: {
    filter: 'フィルター', tag: 'タグ', hidden: '非表示のイメージ', any: 'すべて', remove: 'フィルター {{what}} を外す', columns: '列', usual: '標準に戻す', csv: 'CSV で保存',
    csvFailed: '一覧を保存できませんでした', range: '{{all}} 件中 {{from}}–{{to}}', rangeOnly: '{{from}}–{{to}}', previous: '前のページ', failed: '作成失敗', search: '名前、ID、OS、タグで検索',
    clean: '問題なし', problems: '問題あり', partly: '認識できず、または一部のみ確認', updated: '更新', chip: '{{name}}: {{value}}',
  },
  community: { title: 'コミュニティイメージはありません', what: '別のプロジェクトが全員に公開したイメージがここに表示されます。' },
  palette: { open: '移動', title: 'ページ、イメージ、インスタンスへ移動', search: 'ページ、イメージ、インスタンス', pages: 'ページ', none: '見つかりませんでした', hint: 'Ctrl+K でどこからでも開けます。' },
  offer: {
    status: '共有の提案', sharedBy: '{{project}} がこのプロジェクトと共有しています', by: '{{project}} からの提案', accept: '承認', reject: '拒否', acceptOf: '{{name}} を承認', rejectOf: '{{name}} を拒否', accepted: '{{name}} を共有イメージに追加しました', rejected: '{{name}} を拒否しました', undo: '元に戻す',
    leaveTitle_one: 'この共有イメージを外しますか？', leaveTitle_other: '{{count}} 個の共有イメージを外しますか？', leaveWhat: '{{names}}: このプロジェクトの誰にも見えなくなります。作成済みのインスタンスは動き続けます。拒否した項目から元に戻せます。',
    rejectedTitle: '拒否した項目', rejectedWhat: 'このプロジェクトが共有を拒否したイメージです。', count_one: '提案 1 件', count_other: '提案 {{count}} 件', unknown: '別のプロジェクト',
  },
  ends: {
    share: '確定すると、「終了予定」のプロジェクトはこのイメージを失います。作成済みのインスタンスは動き続けます。', deleted_one: '共有先の 1 プロジェクトがこのイメージを失います: {{names}}。作成済みのインスタンスは動き続けます。', deleted_other: '共有先の {{count}} プロジェクトがこのイメージを失います: {{names}}。作成済みのインスタンスは動き続けます。',
    projects_one: '{{count}} プロジェクト', projects_other: '{{count}} プロジェクト', new_one: '追加 1', new_other: '追加 {{count}}', ending_one: '終了予定 1', ending_other: '終了予定 {{count}}', move: '{{project}} と共有', moveBack: '{{project}} と共有しない',
  },
}
