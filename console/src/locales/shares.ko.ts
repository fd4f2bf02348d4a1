import type { rests as restsEn } from './shares.en'

export const rests: typeof restsEn = {
  title: '삭제하면', unknown: '이 Image가 어디에 쓰이는지 지금은 알 수 없습니다', refused: '지금은 삭제할 수 없습니다.', deactivate_one: '이 Image를 비활성화하시겠습니까?', deactivate_other: 'Image {{count}}개를 비활성화하시겠습니까?', deactivateWhat: '다시 활성화할 때까지 관리자 외에는 생성하거나 다운로드할 수 없습니다. 인스턴스는 계속 동작합니다.',
  instances_one: '이 프로젝트의 인스턴스 1개가 이 Image로 만들어졌으며 계속 동작합니다:', instances_other: '이 프로젝트의 인스턴스 {{count}}개가 이 Image로 만들어졌으며 계속 동작합니다:', instancesElsewhere_one: '다른 프로젝트의 인스턴스 1개가 이 Image로 만들어졌으며 계속 동작합니다.', instancesElsewhere_other: '다른 프로젝트의 인스턴스 {{count}}개가 이 Image로 만들어졌으며 계속 동작합니다.',
  noRebuild: '이 인스턴스들을 더는 이 Image로 재구축할 수 없습니다.', noRebuildNow: '그동안 이 인스턴스들을 이 Image로 재구축할 수 없습니다.', frees: '이 Image로 동작하는 인스턴스가 없어지면 {{size}}가 비워집니다.', images_one: '이 프로젝트의 Image 1개가 이 Image에서 만들어졌으며 그대로 남습니다:', images_other: '이 프로젝트의 Image {{count}}개가 이 Image에서 만들어졌으며 그대로 남습니다:', imagesElsewhere_one: '다른 프로젝트의 Image 1개가 이 Image에서 만들어졌으며 그대로 남습니다.', imagesElsewhere_other: '다른 프로젝트의 Image {{count}}개가 이 Image에서 만들어졌으며 그대로 남습니다.',
  release: '릴리스 {{number}}이(가) 채널에서 없어집니다:', releaseCurrent: '현재 릴리스({{number}})이며, 그동안 채널 이름으로는 생성할 수 없습니다:', releaseOlder: '이전 릴리스({{number}})입니다. 채널:', stores: '다음 스토어에서 없어집니다: {{names}}', work: '진행 중인 작업이 끝납니다: {{what}}',
  offersGone_one: '답을 기다리는 공유 제안 1건이 없어집니다.', offersGone_other: '답을 기다리는 공유 제안 {{count}}건이 없어집니다.', offersPaused_one: '공유 제안 1건은 계속 답을 기다립니다.', offersPaused_other: '공유 제안 {{count}}건은 계속 답을 기다립니다.',
  paused_one: '공유된 프로젝트 1개가 그동안 사용할 수 없습니다: {{names}}', paused_other: '공유된 프로젝트 {{count}}개가 그동안 사용할 수 없습니다: {{names}}', more_one: '외 1개', more_other: '외 {{count}}개', some: '처음 {{count}}개의 Image만 확인했습니다.',
}
