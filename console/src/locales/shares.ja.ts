import type { rests as restsEn } from './shares.en'

export const rests: typeof restsEn = {
  title: '削除した場合', unknown: 'イメージが何に使われているか、今は分かりません', refused: '今は削除できません。', deactivate_one: 'このイメージを無効にしますか？', deactivate_other: '{{count}} 個のイメージを無効にしますか？', deactivateWhat: '再び有効にするまで、管理者のほかはだれも起動もダウンロードもできません。インスタンスは動き続けます。',
  instances_one: 'このプロジェクトの 1 台のインスタンスがここから作成されていて、動き続けます:', instances_other: 'このプロジェクトの {{count}} 台のインスタンスがここから作成されていて、動き続けます:', instancesElsewhere_one: '別のプロジェクトの 1 台のインスタンスがここから作成されていて、動き続けます。', instancesElsewhere_other: '別のプロジェクトの {{count}} 台のインスタンスがここから作成されていて、動き続けます。',
  noRebuild: '以後、これらのインスタンスをこのイメージで再構築することはできません。', noRebuildNow: 'その間、これらのインスタンスをこのイメージで再構築することはできません。', frees: 'ここから作成されたインスタンスがなくなると、{{size}} が空きます。', images_one: 'このプロジェクトの 1 個のイメージがここから作られていて、そのまま残ります:', images_other: 'このプロジェクトの {{count}} 個のイメージがここから作られていて、そのまま残ります:', imagesElsewhere_one: '別のプロジェクトの 1 個のイメージがここから作られていて、そのまま残ります。', imagesElsewhere_other: '別のプロジェクトの {{count}} 個のイメージがここから作られていて、そのまま残ります。',
  release: 'リリース {{number}} がチャンネルからなくなります:', releaseCurrent: '現在のリリース {{number}} です。その間、チャンネルの名前ではだれも起動できません:', releaseOlder: '以前のリリース {{number}} です。チャンネル:', stores: '次のストアからなくなります: {{names}}', work: '進行中の処理が終わります: {{what}}',
  offersGone_one: '回答待ちの提案 1 件がなくなります。', offersGone_other: '回答待ちの提案 {{count}} 件がなくなります。', offersPaused_one: '提案 1 件は回答待ちのままです。', offersPaused_other: '提案 {{count}} 件は回答待ちのままです。',
  paused_one: '共有先の 1 プロジェクトは、その間使えません: {{names}}', paused_other: '共有先の {{count}} プロジェクトは、その間使えません: {{names}}', more_one: 'ほか 1 件', more_other: 'ほか {{count}} 件', some: '最初の {{count}} 個のイメージだけを調べました。',
}
