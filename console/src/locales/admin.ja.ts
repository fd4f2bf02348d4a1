import type { admin as en } from './admin.en'

export const admin: typeof en = {
  scope: { mine: 'このプロジェクト', all: 'すべてのプロジェクト', noImages: 'どのプロジェクトにもイメージはありません', noInstances: 'どのプロジェクトにもインスタンスはありません', gone: '削除済みのプロジェクト' },
  host: {
    title: 'ホストとストア', ready: '正常', notReady: '準備できていません', host: 'ホスト', health: 'ヘルスチェック', stores: 'ストア', jobs: 'バックグラウンドジョブ', database: 'データベース', store: 'デフォルトストア', chunks: 'チャンク', sweeping: '掃除 (sweep)',
    ok: '問題ありません', unwritable: '書き込めません', noRoom: '空けておく容量を下回っています', damaged: '一部が壊れています', unknown: '不明', undone: '終わらなかったものがあります。理由はログにあります',
    guests: '実行中のインスタンス', guestMemory: '実行中のインスタンスのメモリ', vcpus: '実行中のインスタンスの vCPU', load: '負荷', loadOf_one: 'プロセッサ 1 個の {{percent}} %', loadOf_other: 'プロセッサ {{count}} 個の {{percent}} %', memory: 'ホストで使用中のメモリ', disk: 'インスタンスのディスク', diskFree: '空き {{free}} (予約 {{reserve}})',
    accel: 'ゲストの実行方式', kvm: 'KVM', tcg: 'エミュレーション (低速、隔離なし)', sweep: '前回の掃除 (sweep)', scrub: '前回の検査 (scrub)', done: '完了', never: 'この 1 週間なし', underWay: '実行中', failed: '失敗',
    used: '使用 {{used}}、空き {{free}}', kept: '{{reserve}} は空けておきます', readOnly: '読み取り専用', full: '空きがなく保存できません', damagedChunks_one: '壊れたチャンク 1 個', damagedChunks_other: '壊れたチャンク {{count}} 個', checkHint: 'effigy store check が該当イメージを示します。', inBucket: 'バケットに {{used}}', bucket: '{{bucket}}。読み取り用にここへ {{cached}} を置いています (最大 {{cache}})', away: 'バケットが応答しないため、今は保存できません', sweepStopped: '前回の掃除 (sweep) で終わらなかったものがあります',
    lane: 'ジョブの種類', waiting: '待機中', running: '実行中', workers: '同時実行数', lanes: { front: 'イメージの作成とセキュリティ検証', import: 'インポート', clean: 'クリーンコピー', back: 'チェックサム、掃除、検査' },
  },
  usage: { of: '{{used}} / {{limit}}', uploads: '同時アップロード', staged_bytes: 'インポート待ちのデータ', disk_gib: 'インスタンスのディスク', leftovers: '登録なし', leftoversHint: 'プロジェクトは削除されましたが、残っているものがあります。' },
  quota: { edit: 'クォータ', title: '{{name}} のクォータ', what: '空欄は、この環境の既定の上限です。新しい上限はすぐに有効になり、すでにあるものは上限を超えても残ります。', used: '使用中 {{used}}、既定は {{usual}}', usual: '既定' },
  flavors: {
    edit: '編集', editOf: 'フレーバー {{name}} の編集', save: '保存', copy: 'フレーバーはそのままでは変更できません。いったん削除し、同じ名前と ID で作り直します。使用中のインスタンスは作成時のサイズを保ちます。', description: '説明',
  },
  users: { projects: 'プロジェクト', more_one: '他 1 件', more_other: '他 {{count}} 件', none: 'なし', lastSignIn: '最後のサインイン', never: '不明', locked_one: '1 個のアドレスでロック中', locked_other: '{{count}} 個のアドレスでロック中', lockedHint: '誤ったパスワードが多すぎました。{{until}} までロックされます。', unlock: 'ロック解除' },
  audit: {
    who: 'ユーザー名', project: 'プロジェクト名', outcome: '結果', anyOutcome: 'すべての結果', since: '開始日', until: '終了日', request: 'リクエスト', target: '対象 ID', address: 'アドレス', details: '{{action}} の詳細', most: '最初の {{count}} 件だけを保存します。', user: 'ユーザー ID', projectId: 'プロジェクト ID',
    times: '回数', hint: 'image と入力すると image.create などイメージの操作がすべて見つかります。', status: 'ステータス', client: 'クライアントのリクエスト ID',
  },
}
