/** The words of channels and their releases. */
export const channel = {
  title: 'Channels', one: 'Channel', new: 'A new channel', create: 'Create channel', createSubmit: 'Create', release: 'Release', releases: 'Releases', released: 'Released', current: 'Current', formerName: 'Name before',
  empty: 'No channels yet', emptyWhat: 'A channel is a name that always leads to the latest image that you released.', releaseOf: 'Release {{number}}', notes: 'Release notes', save: 'Save',
  how: 'Everybody who launches or looks up the image {{name}} gets the current release. Older ones are hidden and go on working.',
  promote: 'Promote', promoteTitle: 'Promote image', promoteWhat: 'The image gets the name of the channel and is what everybody finds by it. The release before is hidden and goes on working.', createWhat: 'The image gets the name of the channel and is its first release.',
  reasonHint: 'It stays in the history of the channel, and the audit keeps it.', rollBack: 'Roll back', rollBackTitle: 'Roll back to the release before?', rollBackWhat: 'Release {{number}} is hidden, and the release whose place it took is current again. Instances go on as they are.',
  end: 'Deprecate and retire', deprecatedFrom: 'Deprecated from', deprecatedHint: 'Those who look at it are told to take another one.', retiredFrom: 'Retired from', retiredHint: 'From then on it is deactivated: nobody but administrators launches it. Instances go on.',
  deprecated: 'Deprecated', deprecates: 'Deprecated from {{date}}', retired: 'Retired', retires: 'Retired from {{date}}', delete: 'Delete channel', deleteTitle: 'Delete channel {{name}}?', deleteWhat: 'Its images stay as they are: the current one listed, the others hidden.',
  history: 'History', step: { promoted: '{{user}} promoted release {{number}}', rolled_back: '{{user}} rolled back to release {{number}}' }, because: 'Reason: {{reason}}',
  older: 'Instances on older releases', noneOlder: 'No instance of this project runs an older release.', rebuild: 'Rebuild from the current release', elsewhere_one: 'One more in another project.', elsewhere_other: '{{count}} more in other projects.',
}
