import type { project as en } from './project.en'

export const project: typeof en = {
  home: {
    offers_one: '다른 프로젝트가 Image 1개를 공유하려고 합니다.', offers_other: '다른 프로젝트가 Image {{count}}개를 공유하려고 합니다.', toOffers: '공유 제안 보기',
    failed: '최근 24시간 동안 실패한 작업', nothingFailed: '실패한 작업이 없습니다', all: '전체 진행 상황', more_one: '외 1건', more_other: '외 {{count}}건', first: '시작하기',
    step: {
      key: '키페어 만들기', keyWhat: '개인 키로 인스턴스에 로그인합니다.', launch: '인스턴스 만들기', launchWhat: 'Public Image와 키페어로 만듭니다.', upload: 'Image 업로드', uploadWhat: '가지고 있는 디스크 파일을 올립니다.',
      create: 'Image 만들기', createWhat: '설정을 마치고 종료한 인스턴스로 만듭니다.', api: 'API 사용', apiWhat: 'openstack과 Terraform용 clouds.yaml을 받습니다.',
    },
  },
  usage: { title: '사용량', of: '{{limit}} 중 {{used}}', instances: '인스턴스', vcpus: 'vCPU', memory_mib: '메모리', images: 'Image', image_bytes: 'Image 파일' },
  doing: {
    title: '진행 중', lately: '최근 24시간', underWay: '진행 중', sent: '{{size}} 중 {{sent}}', cancel: '취소: {{name}}', goOn: '계속 진행',
    cancelTitle: '{{name}} 생성을 취소하시겠습니까?', cancelWhat: '아직 데이터가 없는 Image이며, 함께 삭제됩니다.', cancelSubmit: '취소하고 삭제',
    image: { create: '생성', upload: '업로드 중', stage: '가져오기 대기 중', parts: '파일의 나머지를 기다리는 중', import: '가져오는 중', capture: '인스턴스에서 생성 중', clean: '정리된 복사본 생성 중', copy: '다른 스토어로 복사' },
    instance: {
      create: '생성', start: '시작', stop: '인스턴스 종료(Shutdown)', forceOff: '강제 종료', reboot: '재부팅', pause: '일시 정지', unpause: '재개', suspend: '절전', resume: '재개', rescue: '복구', unrescue: '복구 종료', shelve: '보관', unshelve: '보관 해제',
      resize: 'Flavor 변경', confirmResize: 'Flavor 변경 확정', revertResize: 'Flavor 변경 되돌리기', rebuild: '재구축', createImage: 'Image 생성', delete: '삭제',
    },
  },
  access: {
    title: 'API 접근', files: '설정 파일', filesWhat: 'openstack, Terraform 등에서 프로젝트 {{project}}에 접근할 때 씁니다. 비밀번호는 들어 있지 않으며 openstack이 묻습니다.', download: '{{name}} 다운로드', rc: 'openrc.sh',
    endpoints: '엔드포인트', service: '서비스', url: 'URL', credentials: '애플리케이션 인증 정보', credentialsWhat: '프로그램이 비밀번호 없이 로그인할 때 씁니다. 프로젝트 하나에서, 내가 가진 역할 이내의 권한을 갖습니다.',
    make: '애플리케이션 인증 정보 생성', none: '애플리케이션 인증 정보가 없습니다', expires: '만료', never: '만료 없음', expired: '만료됨', roles: '역할', rolesHint: '선택하지 않으면 내 역할을 모두 갖습니다.', description: '설명', expiresHint: '날짜를 정하지 않으면 만료되지 않습니다.',
    rules: '허용하는 요청', rulesHint: '한 줄에 하나씩 서비스, 메서드, 경로를 적습니다. *는 경로의 한 부분, **는 나머지 전체입니다. 비워 두면 모든 요청을 허용합니다.', notRule: '규칙이 아닙니다: {{line}}', everything: '전체',
    made: '애플리케이션 인증 정보 {{name}}', once: '지금 비밀 값을 저장하세요. 한 번만 표시되며 어디에도 보관하지 않습니다.', secret: '비밀 값', id: '식별자(ID)', haveIt: '저장했습니다',
    delete: { title: '{{name}} 애플리케이션 인증 정보를 삭제하시겠습니까?', what: '이 인증 정보로 로그인하는 프로그램은 바로 멈춥니다.', submit: '삭제' },
    sessions: { title: '로그인한 곳', what: '이 콘솔이나 프로그램에서 비밀번호로 로그인한 세션입니다. 모르는 세션이 있으면 종료하고 비밀번호를 바꾸세요.', address: '주소', this: '현재 세션', began: '로그인 시각', end: '종료', endOf: '{{address}}의 세션 종료', endOthers: '다른 세션 모두 종료' },
    password: '비밀번호', original: '현재 비밀번호', new: '새 비밀번호', again: '새 비밀번호 확인', differ: '두 비밀번호가 다릅니다.', change: '비밀번호 변경', changed: '비밀번호를 변경했습니다', changedWhat: '다른 세션은 모두 끝났습니다.', wrong: '현재 비밀번호가 맞지 않습니다.', project: '프로젝트',
  },
  list: {
    filter: '필터', tag: '태그', hidden: '숨긴 Image', any: '전체', remove: '필터 해제: {{what}}', columns: '열', usual: '기본값으로', csv: 'CSV로 저장',
    csvFailed: '목록을 저장하지 못했습니다', range: '{{all}}개 중 {{from}}–{{to}}', rangeOnly: '{{from}}–{{to}}', previous: '이전 페이지', failed: '생성 실패', search: '이름, ID, OS, 태그 검색',
    clean: '문제 없음', problems: '문제 있음', partly: '확인 불가 또는 일부만 확인', updated: '변경', chip: '{{name}}: {{value}}',
  },
  community: { title: '커뮤니티 Image가 없습니다', what: '다른 프로젝트가 모두에게 공개한 Image가 여기에 표시됩니다.' },
  palette: { open: '이동', title: '페이지, Image, 인스턴스로 이동', search: '페이지, Image, 인스턴스', pages: '페이지', none: '찾은 항목이 없습니다', hint: '어디서나 Ctrl+K로 열 수 있습니다.' },
  offer: {
    status: '공유 제안', sharedBy: '{{project}} 프로젝트가 이 프로젝트와 공유했습니다', by: '{{project}}의 공유 제안', accept: '수락', reject: '거절', acceptOf: '수락: {{name}}', rejectOf: '거절: {{name}}', accepted: '공유된 Image에 추가했습니다: {{name}}', rejected: '거절했습니다: {{name}}', undo: '되돌리기',
    leaveTitle_one: '이 공유된 Image를 제거하시겠습니까?', leaveTitle_other: '공유된 Image {{count}}개를 제거하시겠습니까?', leaveWhat: '{{names}}: 이 프로젝트에서 더는 보이지 않습니다. 이 Image로 만든 인스턴스는 계속 동작합니다. 거절한 항목에서 되돌릴 수 있습니다.',
    rejectedTitle: '거절한 항목', rejectedWhat: '이 프로젝트가 공유를 거절한 Image입니다.', count_one: '공유 제안 1건', count_other: '공유 제안 {{count}}건', unknown: '다른 프로젝트',
  },
  ends: {
    share: '‘해제 예정’ 프로젝트는 확정하면 이 Image를 잃습니다. 그 프로젝트가 만든 인스턴스는 계속 동작합니다.', deleted_one: '공유된 프로젝트 1개가 이 Image를 잃습니다: {{names}}. 만든 인스턴스는 계속 동작합니다.', deleted_other: '공유된 프로젝트 {{count}}개가 이 Image를 잃습니다: {{names}}. 만든 인스턴스는 계속 동작합니다.',
    projects_one: '프로젝트 {{count}}개', projects_other: '프로젝트 {{count}}개', new_one: '추가 1개', new_other: '추가 {{count}}개', ending_one: '해제 예정 1개', ending_other: '해제 예정 {{count}}개', move: '공유: {{project}}', moveBack: '공유하지 않음: {{project}}',
  },
}
