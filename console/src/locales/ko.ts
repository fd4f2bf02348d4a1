import type { Messages } from '../i18n'

export const ko: Messages = {
  yes: '예',
  no: '아니요',
  select: '{{name}} 선택',
  enable: '{{name}} 사용',
  selected: '{{count}}개 선택됨',
  nav: {
    label: '주 메뉴', skip: '본문으로 건너뛰기', instances: '인스턴스', images: 'Image', keyPairs: '키페어', flavors: 'Flavor', projects: '프로젝트', users: '사용자', audit: '감사',
  },
  prefs: { language: '언어', light: '밝게', dark: '어둡게' },
  project: { label: '프로젝트', none: '프로젝트 없음', failed: '프로젝트를 바꾸지 못했습니다' },
  account: { label: '계정', signOut: '로그아웃' },
  signIn: {
    title: '로그인', user: '사용자 이름', password: '비밀번호', domain: '도메인', submit: '로그인', otherDomain: '다른 도메인',
    refused: '사용자 이름 또는 비밀번호가 맞지 않거나, 계정이 잠시 잠겨 있습니다.',
    ended: '세션이 끝났습니다', endedWhat: '계속하려면 다시 로그인하세요. 입력하던 내용은 그대로 있습니다.',
  },
  error: { load: '불러오지 못했습니다', retry: '다시 시도', unreachable: '서비스에 연결할 수 없습니다.', status: '서비스가 {{status}}(으)로 응답했습니다.', request: '요청 {{id}}' },
  notFound: { title: '없는 페이지입니다' },
  pageFailed: { title: '페이지를 표시하지 못했습니다', what: '새 버전이 설치되었을 수 있습니다. 페이지를 다시 불러오세요.', reload: '다시 불러오기' },
  form: { name: '이름', required: '필수 항목입니다' },
  pager: { first: '첫 페이지', next: '다음 페이지' },
  filter: { anyStatus: '모든 상태', beingMade: '생성 중' },
  empty: { noMatch: '조건에 맞는 항목이 없습니다', clear: '조건 지우기' },
  column: {
    name: '이름', status: '상태', image: 'Image', flavor: 'Flavor', address: '주소', age: '경과', created: '생성', os: 'OS', size: '크기', stored: '저장 크기',
    visibility: '공개 범위', from: '공유한 프로젝트', format: '형식', action: '작업', when: '시각', outcome: '결과', request: '요청', kind: '종류', enabled: '사용', who: '사용자', target: '대상', reason: '이유',
  },
  outcome: { done: '완료', failed: '실패' },
  status: {
    running: '실행 중', stopped: '중지됨', error: '오류', building: '생성 중', starting: '시작 중', shuttingDown: '종료 중', rebooting: '재부팅 중', deleting: '삭제 중',
    imaging: 'Image 생성 중', ready: '사용 가능', queued: '파일 없음', saving: '생성 중', uploading: '업로드 중', importing: '가져오는 중', deactivated: '비활성', notMade: '생성 실패',
  },
  reason: {
    nothingSelected: '먼저 항목을 선택하세요.', oneOnly: '하나만 선택하세요.', readerOnly: '이 프로젝트에서는 조회만 할 수 있습니다.', busy: '다른 작업이 진행 중입니다. 끝날 때까지 기다리세요.',
    notStopped: '중지된 상태가 아닙니다.', notRunning: '실행 중이 아닙니다.', failed: '오류 상태입니다.', notYours: '다른 프로젝트의 것입니다.', notReady: 'Image가 아직 준비되지 않았습니다.',
    isProtected: '보호되어 있습니다. 먼저 보호를 해제하세요.', sharingOff: '이 환경에서는 프로젝트 간 Image 공유를 제공하지 않습니다.', publicNotShared: '이미 모두에게 보이는 Image입니다.',
    deactivated: '비활성화된 Image입니다.', notActive: '비활성화된 Image가 아닙니다.', noFile: '부팅할 데이터가 없는 Image입니다.',
  },
  instances: {
    search: '이름으로 검색', launch: '인스턴스 생성', more: '추가 기능',
    action: { start: '시작', stop: 'Instance Shutdown', reboot: '재부팅', hardReboot: '강제 재시작', createImage: 'Image 생성', rename: '이름 변경', delete: '삭제' },
    delete: { title_one: '이 인스턴스를 삭제할까요?', title_other: '인스턴스 {{count}}개를 삭제할까요?', what: '{{names}}: 디스크도 함께 삭제됩니다. 이 인스턴스로 만든 Image는 남습니다.', submit: '삭제' },
    empty: { title: '인스턴스가 없습니다', what: 'Image로 인스턴스를 만드세요. 설정을 마친 뒤 종료하고 Image를 생성할 수 있습니다.' },
  },
  rename: { title: '이름 변경', submit: '이름 변경' },
  createImage: {
    title: 'Image 생성', submit: 'Image 생성', stopFirst: '중지된 인스턴스에서만 Image를 만들 수 있습니다. 먼저 종료하세요.', begun: 'Image {{name}}을(를) 만들고 있습니다',
    watch: 'Image 보기', hint: '{{name}}의 디스크가 이 프로젝트의 Private Image가 됩니다.',
  },
  instance: { facts: '기본 정보', images: '이 인스턴스로 만든 Image', noImages: '아직 없습니다.', history: '작업 기록' },
  console: {
    log: '콘솔 로그', screen: '화면', serial: '시리얼 콘솔', silent: '아직 출력이 없습니다.', notRunning: '인스턴스가 실행 중이 아닙니다. 콘솔을 열려면 시작하세요.', ended: '연결이 끝났습니다',
    again: '다시 연결', connected: '연결됨', opening: '연결 중…',
  },
  kind: { public: 'Public', private: 'Private', shared: '공유된 Image' },
  visibility: { public: 'Public', private: 'Private', shared: 'Shared', community: 'Community' },
  member: { pending: '수락 대기', accepted: '공유됨', rejected: '거절됨' },
  images: {
    search: '이름으로 검색', more: '더 보기',
    action: { launch: '인스턴스 생성', edit: '편집', protect: '보호', unprotect: '보호 해제', deactivate: '비활성화', reactivate: '활성화', download: '다운로드', delete: '삭제' },
    delete: {
      title_one: '이 Image를 삭제할까요?', title_other: 'Image {{count}}개를 삭제할까요?', what: '{{names}}: 실행 중인 인스턴스는 계속 동작하지만 새로 만들 수는 없습니다.',
      space: '저장 공간이 최대 {{size}} 확보됩니다. 다른 Image와 함께 쓰는 만큼은 제외됩니다.',
    },
    empty: {
      public: 'Public Image가 없습니다', publicWhat: 'Public Image는 제공자가 등록합니다.', private: 'Private Image가 없습니다',
      privateWhat: '인스턴스를 종료한 뒤 추가 기능에서 Image 생성을 선택하거나, 파일을 업로드하세요.', shared: '이 프로젝트에 공유된 Image가 없습니다',
      sharedWhat: '다른 프로젝트가 공유하면 바로 여기에 나타납니다.', toInstances: '인스턴스로 이동',
    },
  },
  image: {
    protected: '보호됨', whyNot: 'Image를 만들지 못했습니다', minDisk: '최소 디스크', minRam: '최소 메모리', storage: '저장소', disk: '디스크', file: '파일', stored: '저장 크기(압축)',
    hashLater: '계산 중', properties: '속성과 태그', lineage: '계보', baseImage: '원본 Image', uploaded: '업로드됨', fromInstance: '원본 인스턴스', madeFromIt: '이 Image에서 만든 Image', noMembers: '공유한 프로젝트가 없습니다.',
  },
  editImage: { title: 'Image 편집', submit: '저장' },
  share: {
    title: 'Image 공유', submit: '다른 프로젝트에 공유', projects: '프로젝트', shared: '공유 프로젝트', search: '프로젝트 검색',
    what: '프로젝트를 클릭하면 옮겨집니다. 공유 프로젝트는 {{name}}(으)로 인스턴스를 만들 수 있지만, 변경하거나 다시 공유할 수는 없습니다.', noProjects: '속한 다른 프로젝트가 없습니다.',
    pending: '대기', added: '{{project}}에 공유했습니다', removed: '{{project}} 공유를 해제했습니다', failed: '{{project}}: {{error}}', close: '닫기',
  },
  upload: {
    title: 'Image 업로드', submit: '업로드', choose: '파일을 선택하거나 여기에 놓으세요', formatHint: '파일이 이 형식인지 검사합니다. 추측하지 않습니다.', done: '{{name}} 업로드를 마쳤습니다',
    failed: '{{name}}을(를) 업로드하지 못했습니다', cancelled: '{{name}} 업로드를 취소했습니다', cancel: '취소',
  },
  activity: {
    title: '진행 상황', count_zero: '진행 상황: 없음', count_one: '진행 상황: 1건', count_other: '진행 상황: {{count}}건', empty: '진행 중인 작업이 없습니다',
    emptyWhat: '업로드와 생성 중인 Image가 여기에 표시됩니다.', upload: '업로드 중: {{size}} 중 {{sent}}', image: 'Image 생성 중',
  },
  launch: {
    title: '인스턴스 생성', nameAndCount: '이름과 수량', count: '수량', countHint: '같은 Image의 복제본 수', access: '접속', keyPair: '키페어', noKeyPair: '없음', network: '네트워크', networkAuto: '인스턴스 자체 네트워크',
    networkNone: '네트워크 없음', userData: '사용자 데이터', userDataLong: '너무 깁니다. 최대 48 KiB입니다.', summary: '요약', noName: 'my-instance', noImage: '선택한 Image 없음', noImages: '사용 가능한 Image가 없습니다',
    noFlavor: '이 Image에 충분한 Flavor가 없습니다.', begun_one: '{{name}}을(를) 만들고 있습니다', begun_other: '{{name}} 인스턴스 {{count}}개를 만들고 있습니다', asCommand: 'openstack 명령으로', asTerraform: 'Terraform으로',
  },
  flavor: { memory: '메모리', disk: '디스크', ofImage: 'Image와 같음' },
  keyPairs: {
    import: '키페어 가져오기', fingerprint: '지문', publicKey: '공개 키', hint: 'SSH 키의 공개 부분입니다. 예: id_ed25519.pub의 내용.',
    empty: { title: '키페어가 없습니다', what: 'SSH 공개 키를 가져온 뒤, 인스턴스를 만들 때 선택하세요.' },
    delete: { title: '키페어 {{name}}을(를) 삭제할까요?', what: '이 키로 만든 인스턴스에는 키가 남아 있습니다.', submit: '삭제' },
  },
  flavors: { create: 'Flavor 생성', delete: { title: 'Flavor {{name}}을(를) 삭제할까요?', what: '이미 사용 중인 인스턴스는 그대로입니다.', submit: '삭제' } },
  projects: { create: '프로젝트 생성', description: '설명', delete: { title: '프로젝트 {{name}}을(를) 삭제할까요?', what: '더는 아무도 이 프로젝트에서 작업할 수 없습니다.', submit: '삭제' } },
  roles: { people: '구성원', title: '{{name}} 구성원', none: '역할을 가진 사용자가 없습니다.', user: '사용자', role: '역할', grant: '추가', revoke: '제거' },
  users: { create: '사용자 생성', password: '새 비밀번호', passwordOf: '{{name}}의 새 비밀번호', delete: { title: '사용자 {{name}}을(를) 삭제할까요?', what: '이 사용자의 세션이 바로 끝납니다.', submit: '삭제' } },
  audit: { empty: '기록이 없습니다' },
}
