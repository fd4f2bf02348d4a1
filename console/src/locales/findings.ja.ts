import type { Messages } from './en'

export const findings: Messages['finding'] = {
  ssh_host_key: { name: 'SSH ホスト鍵', why: 'すべての複製が同じ SSH ホスト鍵を持ち、イメージを持つ人はそのどれにでもなりすませます。', remedy: '鍵を削除してください。次の起動時に SSH サーバーか cloud-init が新しく作ります。' },
  authorized_key: { name: 'authorized_keys の公開鍵', why: 'この鍵の対になる秘密鍵を持つ人は、すべての複製にサインインできます。', remedy: 'ファイルを削除してください。起動した人の鍵はクラウドが入れます。' },
  private_key: { name: '秘密鍵', why: 'イメージを持つ人は、この秘密鍵も持つことになります。', remedy: '鍵を削除し、それを受け入れているすべての場所で交換してください。' },
  token: { name: '認証情報', why: 'イメージを持つ人は、この認証情報で操作できます。', remedy: 'ファイルを削除し、認証情報を失効させてください。' },
  shell_history: { name: 'シェルの履歴', why: '誰かが入力したコマンドが残っています。名前やパスワードが含まれていることがよくあります。', remedy: 'ファイルを削除してください。' },
  machine_id: { name: 'machine-id', why: 'machine-id が同じ複製は同じアドレスを受け取り、1 台として数えられます。', remedy: '/etc/machine-id を空にし (truncate -s 0)、/var/lib/dbus/machine-id はそのリンクにしてください。' },
  cloud_init_state: { name: 'cloud-init の状態', why: '以前のインスタンスの cloud-init のデータ (ユーザーデータを含む) が残っています。', remedy: 'インスタンスを停止する前に cloud-init clean --logs を実行してください。' },
  root_password: { name: 'パスワードなしの root', why: 'root のパスワードがないか、よく知られたものなので、誰でもサインインできます。', remedy: 'アカウントをロックしてください (passwd -l root)。' },
  weak_password: { name: '弱いパスワード', why: 'このアカウントのパスワードがないか、よく知られたものなので、誰でもサインインできます。', remedy: 'アカウントをロックするか (passwd -l 名前)、固有のパスワードを設定してください。' },
  password_hash: { name: 'パスワードのハッシュ', why: 'すべての複製で同じパスワードが通り、イメージを持つ人はパスワードを推測できます。', remedy: 'アカウントをロックし (passwd -l、ハッシュの削除)、パスワードはクラウドに設定させてください。' },
  dhcp_lease: { name: 'DHCP のリース', why: '複製が以前のインスタンスのアドレスを要求します。', remedy: 'リースを削除してください。' },
  fstab_missing_disk: { name: '存在しないディスク', why: '/etc/fstab の行がイメージにないディスクを指しているため、複製は起動時に待つか、止まります。', remedy: 'その行を削除するか、オプションに nofail を加えてください。' },
  low_space: { name: '空き容量の不足', why: 'ルートファイルシステムの空きが 100 KiB 未満のため、複製は自分の設定を書き込めません。', remedy: 'インスタンスを停止する前に空きを作ってください。' },
  network_secret: { name: 'ネットワークの秘密情報', why: 'ネットワークの鍵かパスワードが残っています。', remedy: '接続を削除し、秘密情報を変更してください。' },
  hibernation: { name: '休止中のシステム', why: '休止中のシステムのメモリが残っているため、複製はそのすべての秘密情報とともに、そのシステムとして復帰します。', remedy: '起動してから、完全にシャットダウンしてください。' },
  package_cache: { name: 'ダウンロード済みパッケージ', why: 'ダウンロード済みのパッケージが、すべての複製で容量を占めます。', remedy: 'キャッシュを消去してください (apt-get clean、dnf clean all)。' },
  windows_not_generalized: { name: '一般化されていない Windows', why: '一般化されていない Windows の複製は、ネットワークとライセンスからはすべて同じコンピューターに見えます。', remedy: 'インスタンスを起動し、sysprep /generalize /oobe /shutdown を実行してください。' },
  windows_unreadable: { name: '読み取れない Windows', why: 'この Windows が一般化されているかどうか、わかりません。', remedy: 'インスタンスを起動し、BitLocker と高速スタートアップを切ってから、sysprep /generalize /oobe /shutdown を実行してください。' },
}
