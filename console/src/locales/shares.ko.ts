import type { rests as restsEn, shares as sharesEn, terms as termsEn } from './shares.en'

export const terms: typeof termsEn = {
  end: '종료', never: '없음', day: '하루 뒤', week: '1주일 뒤', month: '한 달 뒤', own: '날짜와 시각 지정', at: '종료 날짜와 시각', texts: '메모나 사유 추가',
  note: '받는 프로젝트에 남기는 메모', noteHint: '받는 쪽은 수락하기 전에도, 그 뒤에도 읽을 수 있습니다.', reason: '사유', reasonHint: '이 프로젝트만 봅니다. 받는 쪽에는 보이지 않습니다.', bytes: '{{used}} / {{most}}바이트',
  misfit: { time: '날짜와 시각을 선택하세요.', past: '종료는 앞으로의 시각이어야 합니다.' }, asCurl: 'curl 명령',
  ends: '{{when}} 종료', ended: '종료됨', noEnd: '종료 없음', edit: '조건 변경', editOf: '조건 변경: {{project}}', editTitle: '{{project}}의 조건', save: '저장하기',
}
export const shares: typeof sharesEn = {
  end: '종료', endOf: '공유 종료: {{project}}', endTitle: '{{project}} 프로젝트와의 공유를 종료하시겠습니까?', endSubmit: '공유 종료하기',
  endWhat: '{{project}} 프로젝트는 곧바로 {{image}} Image를 잃습니다. 목록에서 보거나 생성하거나 다운로드할 수 없습니다. 만든 인스턴스는 계속 동작합니다.', endOffer: '{{project}} 프로젝트는 {{image}} Image를 아직 수락하지 않았습니다. 이제 수락할 수 없게 됩니다.',
  launched_zero: '생성 없음', launched_one: '생성 1회', launched_other: '생성 {{count}}회', downloaded_zero: '다운로드 없음', downloaded_one: '다운로드 1회', downloaded_other: '다운로드 {{count}}회',
  history: '이력', noHistory: '지난 1년 동안 아무것도 없습니다.', noMore: '더 오래된 것이 없습니다.', until: '{{time}}까지', show: '보기', hide: '숨기기',
  own: { shared: '{{project}} 프로젝트와 공유했습니다', changed: '{{project}} 프로젝트의 조건을 변경했습니다', pending: '{{project}} 프로젝트가 답을 되돌렸습니다', accepted: '{{project}} 프로젝트가 수락했습니다', rejected: '{{project}} 프로젝트가 거절했습니다', ended: '{{project}} 프로젝트와의 공유를 여기서 종료했습니다', expired: '{{project}} 프로젝트와의 공유가 기한에 종료되었습니다' },
  received: {
    title: '이 프로젝트가 받은 공유 제안의 이력', shared: '공유 제안을 받았습니다: {{image}}', changed: '조건이 바뀌었습니다: {{image}}', pending: '답을 되돌렸습니다: {{image}}', accepted: '수락했습니다: {{image}}', rejected: '거절했습니다: {{image}}', ended: '소유자가 공유를 종료했습니다: {{image}}', expired: '공유가 기한에 종료되었습니다: {{image}}',
  },
}
export const rests: typeof restsEn = {
  title: '삭제하면', unknown: '이 Image가 어디에 쓰이는지 지금은 알 수 없습니다', refused: '지금은 삭제할 수 없습니다.', deactivate_one: '이 Image를 비활성화하시겠습니까?', deactivate_other: 'Image {{count}}개를 비활성화하시겠습니까?', deactivateWhat: '다시 활성화할 때까지 관리자 외에는 생성하거나 다운로드할 수 없습니다. 인스턴스는 계속 동작합니다.',
  instances_one: '이 프로젝트의 인스턴스 1개가 이 Image로 만들어졌으며 계속 동작합니다:', instances_other: '이 프로젝트의 인스턴스 {{count}}개가 이 Image로 만들어졌으며 계속 동작합니다:', instancesElsewhere_one: '다른 프로젝트의 인스턴스 1개가 이 Image로 만들어졌으며 계속 동작합니다.', instancesElsewhere_other: '다른 프로젝트의 인스턴스 {{count}}개가 이 Image로 만들어졌으며 계속 동작합니다.',
  noRebuild: '이 인스턴스들을 더는 이 Image로 재구축할 수 없습니다.', noRebuildNow: '그동안 이 인스턴스들을 이 Image로 재구축할 수 없습니다.', frees: '이 Image로 동작하는 인스턴스가 없어지면 {{size}}가 비워집니다.', images_one: '이 프로젝트의 Image 1개가 이 Image에서 만들어졌으며 그대로 남습니다:', images_other: '이 프로젝트의 Image {{count}}개가 이 Image에서 만들어졌으며 그대로 남습니다:', imagesElsewhere_one: '다른 프로젝트의 Image 1개가 이 Image에서 만들어졌으며 그대로 남습니다.', imagesElsewhere_other: '다른 프로젝트의 Image {{count}}개가 이 Image에서 만들어졌으며 그대로 남습니다.',
  release: '릴리스 {{number}}이(가) 채널에서 없어집니다:', releaseCurrent: '현재 릴리스({{number}})이며, 그동안 채널 이름으로는 생성할 수 없습니다:', releaseOlder: '이전 릴리스({{number}})입니다. 채널:', stores: '다음 스토어에서 없어집니다: {{names}}', work: '진행 중인 작업이 끝납니다: {{what}}',
  offersGone_one: '답을 기다리는 공유 제안 1건이 없어집니다.', offersGone_other: '답을 기다리는 공유 제안 {{count}}건이 없어집니다.', offersPaused_one: '공유 제안 1건은 계속 답을 기다립니다.', offersPaused_other: '공유 제안 {{count}}건은 계속 답을 기다립니다.',
  paused_one: '공유된 프로젝트 1개가 그동안 사용할 수 없습니다: {{names}}', paused_other: '공유된 프로젝트 {{count}}개가 그동안 사용할 수 없습니다: {{names}}', more_one: '외 1개', more_other: '외 {{count}}개', some: '처음 {{count}}개의 Image만 확인했습니다.',
}
