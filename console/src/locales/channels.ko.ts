import type { channel as en } from './channels.en'

export const channel: typeof en = {
  title: '채널', one: '채널', new: '새 채널', create: '채널 만들기', createSubmit: '만들기', release: '릴리스', releases: '릴리스 목록', released: '릴리스한 때', current: '현재', formerName: '이전 이름',
  empty: '아직 채널이 없습니다', emptyWhat: '채널은 마지막으로 릴리스한 Image를 언제나 가리키는 이름입니다.', releaseOf: '릴리스 {{number}}', notes: '릴리스 노트', save: '저장하기',
  how: '{{name}} Image를 찾거나 그것으로 인스턴스를 만들면 현재 릴리스를 씁니다. 이전 릴리스는 숨겨지지만 계속 동작합니다.',
  promote: '승격', promoteTitle: 'Image 승격', promoteWhat: 'Image가 채널의 이름을 받고, 모두가 그 이름으로 이 Image를 찾습니다. 이전 릴리스는 숨겨지지만 계속 동작합니다.', createWhat: 'Image가 채널의 이름을 받고 첫 릴리스가 됩니다.',
  reasonHint: '채널의 기록에 남고 감사 기록에도 보관됩니다.', rollBack: '되돌리기', rollBackTitle: '이전 릴리스로 되돌릴까요?', rollBackWhat: '릴리스 {{number}}은(는) 숨겨지고, 그 전의 릴리스가 다시 현재 릴리스가 됩니다. 인스턴스는 그대로입니다.',
  end: '사용 중단과 종료', deprecatedFrom: '사용 중단 권고 시작일', deprecatedHint: '보는 사람에게 다른 릴리스를 쓰라고 알립니다.', retiredFrom: '종료일', retiredHint: '이날부터 비활성화되어 관리자만 사용할 수 있습니다. 인스턴스는 계속 실행됩니다.',
  deprecated: '사용 중단 권고', deprecates: '{{date}}부터 사용 중단 권고', retired: '종료됨', retires: '{{date}}에 종료', delete: '채널 삭제', deleteTitle: '채널 {{name}}을(를) 삭제할까요?', deleteWhat: 'Image는 그대로 남습니다. 현재 릴리스는 목록에 보이고 나머지는 숨겨져 있습니다.',
  history: '릴리스 기록', step: { promoted: '{{user}} 님이 릴리스 {{number}}을(를) 승격했습니다', rolled_back: '{{user}} 님이 릴리스 {{number}}(으)로 되돌렸습니다' }, because: '이유: {{reason}}',
  older: '이전 릴리스로 실행 중인 인스턴스', noneOlder: '이 프로젝트에는 이전 릴리스로 실행 중인 인스턴스가 없습니다.', rebuild: '현재 릴리스로 재구축', elsewhere_one: '다른 프로젝트에 1개 더 있습니다.', elsewhere_other: '다른 프로젝트에 {{count}}개 더 있습니다.',
}
