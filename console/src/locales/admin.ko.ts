import type { admin as en } from './admin.en'

export const admin: typeof en = {
  scope: { mine: '이 프로젝트', all: '모든 프로젝트', noImages: '어느 프로젝트에도 Image가 없습니다', noInstances: '어느 프로젝트에도 인스턴스가 없습니다', gone: '삭제된 프로젝트' },
  host: {
    title: '호스트와 스토어', ready: '정상', notReady: '준비되지 않음', host: '호스트', health: '상태 점검', stores: '스토어', jobs: '백그라운드 작업', database: '데이터베이스', store: '기본 스토어', chunks: '청크', sweeping: '정리(sweep)',
    ok: '정상', unwritable: '쓸 수 없음', noRoom: '비워 두어야 할 공간보다 적음', damaged: '일부가 손상됨', unknown: '알 수 없음', undone: '끝내지 못한 것이 있습니다. 이유는 로그에 있습니다',
    guests: '실행 중인 인스턴스', guestMemory: '실행 중인 인스턴스의 메모리', vcpus: '실행 중인 인스턴스의 vCPU', load: '부하', loadOf_one: '프로세서 1개의 {{percent}}%', loadOf_other: '프로세서 {{count}}개의 {{percent}}%', memory: '호스트에서 사용 중인 메모리', disk: '인스턴스 디스크', diskFree: '{{free}} 남음, {{reserve}}는 비워 둠',
    accel: '게스트 실행 방식', kvm: 'KVM', tcg: '에뮬레이션(느리고 격리되지 않음)', sweep: '마지막 정리(sweep)', scrub: '마지막 검사(scrub)', done: '완료', never: '일주일 동안 없음', underWay: '진행 중', failed: '실패',
    used: '{{used}} 사용, {{free}} 남음', kept: '{{reserve}}는 비워 둡니다', readOnly: '읽기 전용', full: '공간이 없어 저장할 수 없음', damagedChunks_one: '손상된 청크 1개', damagedChunks_other: '손상된 청크 {{count}}개', checkHint: 'effigy store check가 해당 Image를 알려 줍니다.', inBucket: '버킷에 {{used}}', bucket: '{{bucket}}. 읽기용으로 여기에 {{cached}}를 두며, 최대 {{cache}}입니다', away: '버킷이 응답하지 않아 지금은 저장할 수 없음', sweepStopped: '마지막 정리(sweep)가 끝내지 못한 것이 있습니다',
    lane: '작업 종류', waiting: '대기', running: '실행 중', workers: '동시 실행', lanes: { front: 'Image 생성과 보안 검증', import: '가져오기', clean: '정리된 복사본', back: '체크섬, 정리(sweep), 검사(scrub)' },
  },
  usage: { of: '{{used}} / {{limit}}', uploads: '동시 업로드', staged_bytes: '가져오기 대기 데이터', disk_gib: '인스턴스 디스크', leftovers: '레코드 없음', leftoversHint: '프로젝트는 삭제되었지만 남은 것이 있습니다.' },
  quota: { edit: '할당량', title: '{{name}} 할당량', what: '비워 두면 이 환경의 기본 한도를 따릅니다. 새 한도는 바로 적용되며, 이미 있는 것은 한도를 넘어도 남습니다.', used: '{{used}} 사용 중, 기본값 {{usual}}', usual: '기본값' },
  flavors: {
    edit: '편집', editOf: 'Flavor {{name}} 편집', save: '저장', copy: 'Flavor는 그 자리에서 바꿀 수 없습니다. 삭제한 뒤 같은 이름과 ID로 다시 만듭니다. 이미 사용 중인 인스턴스는 생성할 때의 크기를 유지합니다.', description: '설명',
  },
  users: { projects: '프로젝트', more_one: '외 1개', more_other: '외 {{count}}개', none: '없음', lastSignIn: '마지막 로그인', never: '알 수 없음', locked_one: '주소 1개에서 잠김', locked_other: '주소 {{count}}개에서 잠김', lockedHint: '잘못된 비밀번호가 너무 많이 입력되었습니다. {{until}}까지 잠겨 있습니다.', unlock: '잠금 해제' },
  audit: {
    who: '사용자 이름', project: '프로젝트 이름', outcome: '결과', anyOutcome: '모든 결과', since: '시작일', until: '종료일', request: '요청', target: '대상 ID', address: '주소', details: '{{action}} 상세 정보', most: '처음 {{count}}건만 저장됩니다.', user: '사용자 ID', projectId: '프로젝트 ID',
    times: '횟수', hint: 'image를 입력하면 image.create 등 Image 작업을 모두 찾습니다.', status: '응답 상태', client: '클라이언트의 요청 ID',
  },
}
