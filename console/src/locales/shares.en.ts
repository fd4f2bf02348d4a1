/** The words of shares on terms, and of what rests on an image. */
export const terms = {
  end: 'Ends', never: 'Never', day: 'In a day', week: 'In a week', month: 'In a month', own: 'Date and time', at: 'Date and time of the end', texts: 'Add a note or a reason',
  note: 'Note to the receiver', noteHint: 'The receiver reads it before accepting, and later.', reason: 'Reason', reasonHint: 'For this project alone: no receiver sees it.', bytes: '{{used}} of {{most}} bytes',
  misfit: { time: 'Choose a date and a time.', past: 'The end is to come: choose a later time.' }, asCurl: 'As curl command',
  ends: 'Ends {{when}}', ended: 'Ended', noEnd: 'No end', edit: 'Change terms', editOf: 'Change terms for {{project}}', editTitle: 'Terms for {{project}}', save: 'Save',
}
export const shares = {
  end: 'End', endOf: 'End the sharing with {{project}}', endTitle: 'End the sharing with {{project}}?', endSubmit: 'End the sharing',
  endWhat: '{{project}} loses {{image}} at once: it does not list, launch or download it any more. Its instances go on.', endOffer: '{{project}} has not accepted {{image}}; it can not accept it any more.',
  launched_zero: 'Never launched', launched_one: 'Launched once', launched_other: 'Launched {{count}} times', downloaded_zero: 'Never downloaded', downloaded_one: 'Downloaded once', downloaded_other: 'Downloaded {{count}} times',
  history: 'History', noHistory: 'Nothing in the last year.', noMore: 'Nothing older.', until: 'until {{time}}', show: 'Show', hide: 'Hide',
  own: { shared: 'Shared with {{project}}', changed: 'Terms changed for {{project}}', pending: '{{project}} took its answer back', accepted: '{{project}} accepted', rejected: '{{project}} rejected', ended: 'Sharing with {{project}} ended here', expired: 'Sharing with {{project}} ended by its date' },
  received: {
    title: 'What was offered to this project', shared: '{{image}} was offered', changed: '{{image}}: the terms changed', pending: '{{image}}: the answer was taken back', accepted: '{{image}} was accepted', rejected: '{{image}} was rejected', ended: '{{image}}: its owner ended the sharing', expired: '{{image}}: the sharing ended by its date',
  },
}
export const rests = {
  title: 'If it is deleted', unknown: 'It cannot be told now what uses the image', refused: 'It cannot be deleted now.', deactivate_one: 'Deactivate this image?', deactivate_other: 'Deactivate {{count}} images?', deactivateWhat: 'Nobody but an administrator launches or downloads it until it is reactivated. Instances go on.',
  instances_one: 'One instance of this project was launched from it and goes on:', instances_other: '{{count}} instances of this project were launched from it and go on:', instancesElsewhere_one: 'One instance in another project was launched from it and goes on.', instancesElsewhere_other: '{{count}} instances in other projects were launched from it and go on.',
  noRebuild: 'None of these instances can be rebuilt from it any more.', noRebuildNow: 'None of these instances can be rebuilt from it meanwhile.', frees: '{{size}} come free when no instance runs from it any more.', images_one: 'One image of this project was made from it and stays:', images_other: '{{count}} images of this project were made from it and stay:', imagesElsewhere_one: 'One image in another project was made from it and stays.', imagesElsewhere_other: '{{count}} images in other projects were made from it and stay.',
  release: 'Release {{number}} is gone from its channel:', releaseCurrent: 'It is the current release, {{number}}, and nobody launches by the name of its channel meanwhile:', releaseOlder: 'It is an older release, {{number}}, of the channel:', stores: 'It leaves the stores: {{names}}.', work: 'The work on it ends: {{what}}.',
  offersGone_one: 'One offer that waits for an answer is gone.', offersGone_other: '{{count}} offers that wait for an answer are gone.', offersPaused_one: 'One offer goes on waiting for an answer.', offersPaused_other: '{{count}} offers go on waiting for an answer.',
  paused_one: 'One project that it is shared with cannot use it meanwhile: {{names}}.', paused_other: '{{count}} projects that it is shared with cannot use it meanwhile: {{names}}.', more_one: 'and one more', more_other: 'and {{count}} more', some: 'Only the first {{count}} images were looked into.',
}
