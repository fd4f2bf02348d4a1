import type { Messages } from './en'

export const findings: Messages['finding'] = {
  ssh_host_key: { name: 'SSH 호스트 키', why: '모든 복제본의 SSH 호스트 키가 같아지며, Image를 가진 사람은 그중 어느 서버로든 가장할 수 있습니다.', remedy: '키를 삭제하세요. 다음 부팅 때 SSH 서버나 cloud-init이 새로 만듭니다.' },
  authorized_key: { name: '등록된 SSH 공개 키(authorized_keys)', why: '이 키의 개인 키를 가진 사람은 모든 복제본에 로그인할 수 있습니다.', remedy: '파일을 삭제하세요. 인스턴스를 만든 사용자의 키는 클라우드가 넣어 줍니다.' },
  private_key: { name: '개인 키', why: 'Image를 가진 사람은 이 개인 키도 갖게 됩니다.', remedy: '키를 삭제하고, 이 키를 쓰던 모든 곳에서 교체하세요.' },
  token: { name: '인증 정보', why: 'Image를 가진 사람은 이 인증 정보로 작업할 수 있습니다.', remedy: '파일을 삭제하고 인증 정보를 폐기하세요.' },
  shell_history: { name: '셸 명령 기록', why: '누군가 입력한 명령이 남아 있습니다. 이름이나 비밀번호가 들어 있는 경우가 많습니다.', remedy: '파일을 삭제하세요.' },
  machine_id: { name: 'machine-id', why: 'machine-id가 같은 복제본은 같은 주소를 받고 한 대로 집계됩니다.', remedy: '/etc/machine-id를 비우고(truncate -s 0), /var/lib/dbus/machine-id는 그 파일의 링크로 만드세요.' },
  cloud_init_state: { name: 'cloud-init 상태', why: '이전 인스턴스의 cloud-init 데이터(사용자 데이터 포함)가 남아 있습니다.', remedy: '인스턴스를 중지하기 전에 cloud-init clean --logs를 실행하세요.' },
  root_password: { name: '비밀번호 없는 root 계정', why: 'root에 비밀번호가 없거나 잘 알려진 비밀번호여서 누구나 로그인할 수 있습니다.', remedy: '계정을 잠그세요(passwd -l root).' },
  weak_password: { name: '취약한 비밀번호', why: '이 계정에 비밀번호가 없거나 잘 알려진 비밀번호여서 누구나 로그인할 수 있습니다.', remedy: '계정을 잠그거나(passwd -l 이름) 고유한 비밀번호를 설정하세요.' },
  password_hash: { name: '비밀번호 해시', why: '모든 복제본에서 같은 비밀번호가 통하고, Image를 가진 사람이 비밀번호를 추측해 볼 수 있습니다.', remedy: '계정을 잠그고(passwd -l, 해시 삭제) 비밀번호는 클라우드가 설정하게 하세요.' },
  dhcp_lease: { name: 'DHCP 임대 정보', why: '복제본이 이전 인스턴스의 주소를 요청합니다.', remedy: '임대 파일을 삭제하세요.' },
  fstab_missing_disk: { name: '없는 디스크', why: '/etc/fstab에 Image에 없는 디스크가 있어, 복제본이 부팅할 때 기다리거나 멈춥니다.', remedy: '그 줄을 지우거나 옵션에 nofail을 넣으세요.' },
  low_space: { name: '공간 부족', why: '루트 파일 시스템의 여유 공간이 100 KiB보다 작아, 복제본이 자기 설정을 쓰지 못합니다.', remedy: '인스턴스를 중지하기 전에 공간을 확보하세요.' },
  network_secret: { name: '네트워크 비밀 정보', why: '네트워크의 키나 비밀번호가 남아 있습니다.', remedy: '연결 설정을 삭제하고 비밀 정보를 바꾸세요.' },
  hibernation: { name: '절전 상태의 시스템', why: '절전 중인 시스템의 메모리가 남아 있어, 복제본이 모든 비밀 정보와 함께 그 시스템으로 깨어납니다.', remedy: '시스템을 켠 뒤 완전히 종료하세요.' },
  package_cache: { name: '내려받은 패키지', why: '내려받은 패키지가 모든 복제본에서 공간을 차지합니다.', remedy: '캐시를 비우세요(apt-get clean, dnf clean all).' },
  windows_not_generalized: { name: '일반화되지 않은 Windows', why: '일반화되지 않은 Windows의 복제본은 네트워크와 라이선스에서 모두 같은 컴퓨터로 취급됩니다.', remedy: '인스턴스를 시작하고 sysprep /generalize /oobe /shutdown을 실행하세요.' },
  windows_unreadable: { name: '읽을 수 없는 Windows', why: '이 Windows가 일반화되었는지 알 수 없습니다.', remedy: '인스턴스를 시작하고 BitLocker와 빠른 시작을 끈 뒤 sysprep /generalize /oobe /shutdown을 실행하세요.' },
}
