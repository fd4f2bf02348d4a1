/** The words of the project at a glance, of lists, of sharing and of the access to the API. */
export const project = {
  home: {
    offers_one: 'Another project offers this one an image.', offers_other: 'Other projects offer this one {{count}} images.', toOffers: 'Look at the offers',
    failed: 'Went wrong in the last 24 hours', nothingFailed: 'Nothing went wrong', all: 'All activity', more_one: 'and one more', more_other: 'and {{count}} more', first: 'First steps',
    step: {
      key: 'Make a key pair', keyWhat: 'Its private half signs you in to your instances.', launch: 'Launch an instance', launchWhat: 'From a Public image, with the key.', upload: 'Upload an image', uploadWhat: 'A disk file of your own.',
      create: 'Create an image', createWhat: 'Of an instance that you set up and shut down.', api: 'Use the API', apiWhat: 'clouds.yaml for openstack and Terraform.',
    },
  },
  usage: { title: 'Usage', of: '{{used}} of {{limit}}', instances: 'Instances', vcpus: 'vCPUs', memory_mib: 'Memory', images: 'Images', image_bytes: 'Image files' },
  doing: {
    title: 'Under way', lately: 'Last 24 hours', underWay: 'Under way', sent: '{{sent}} of {{size}}', cancel: 'Cancel {{name}}', goOn: 'Go on',
    cancelTitle: 'Cancel {{name}}?', cancelWhat: 'The image has no bytes yet, and is deleted.', cancelSubmit: 'Cancel and delete',
    image: { create: 'Creation', upload: 'Uploading', stage: 'Waiting to be imported', parts: 'Waiting for the rest of the file', import: 'Importing', capture: 'Creating from an instance', clean: 'Making a cleaned copy', copy: 'Copying to another store' },
    instance: {
      create: 'Launch', start: 'Start', stop: 'Instance shutdown', forceOff: 'Force off', reboot: 'Reboot', pause: 'Pause', unpause: 'Resume', suspend: 'Suspend', resume: 'Resume', rescue: 'Rescue', unrescue: 'End rescue', shelve: 'Shelve', unshelve: 'Unshelve',
      resize: 'Resize', confirmResize: 'Confirm resize', revertResize: 'Revert resize', rebuild: 'Rebuild', createImage: 'Create image', delete: 'Delete',
    },
  },
  access: {
    title: 'API access', files: 'Configuration files', filesWhat: 'For openstack, Terraform and other clients, in the project {{project}}. They hold no password: openstack asks for it.', download: 'Download {{name}}', rc: 'openrc.sh',
    endpoints: 'Endpoints', service: 'Service', url: 'URL', credentials: 'Application credentials', credentialsWhat: 'Sign a program in without your password. Each is for one project and has your roles in it, or fewer.',
    make: 'Create application credential', none: 'No application credentials yet', expires: 'Expires', never: 'Never', expired: 'Expired', roles: 'Roles', rolesHint: 'Without a choice it has all of your roles.', description: 'Description', expiresHint: 'Without a date it does not expire.',
    rules: 'Allowed requests', rulesHint: 'One in a line: service, method, path; * stands for a part of a path, ** for the rest. Without any, every request is allowed.', notRule: 'This is not a rule: {{line}}', everything: 'All',
    made: 'Application credential {{name}}', once: 'Save the secret now: it is shown this once and kept nowhere.', secret: 'Secret', id: 'ID', haveIt: 'I have saved it',
    delete: { title: 'Delete application credential {{name}}?', what: 'Programs that sign in with it stop working at once.', submit: 'Delete' },
    sessions: { title: 'Where you are signed in', what: 'Each sign-in with your password, in this console or by a program. One that is not yours: end it, and change your password.', address: 'Address', this: 'This session', began: 'Signed in', end: 'End', endOf: 'End the session from {{address}}', endOthers: 'End all others' },
    password: 'Password', original: 'Current password', new: 'New password', again: 'New password again', differ: 'The two differ.', change: 'Change password', changed: 'The password was changed', changedWhat: 'All of your other sessions have ended.', wrong: 'The current password is wrong.', project: 'Project',
  },
  list: {
    filter: 'Filter', tag: 'Tag', hidden: 'Hidden images', any: 'Any', remove: 'Remove the filter {{what}}', columns: 'Columns', usual: 'As usual', csv: 'Save as CSV',
    csvFailed: 'The list could not be saved', range: '{{from}}–{{to}} of {{all}}', rangeOnly: '{{from}}–{{to}}', previous: 'Previous page', failed: 'Failed', search: 'Search name, ID, OS, tag',
    clean: 'Clean', problems: 'Problems found', partly: 'Not recognized or partly checked', updated: 'Updated', chip: '{{name}}: {{value}}',
  },
  community: { title: 'No community images', what: 'Images that other projects have opened to everybody appear here.' },
  palette: { open: 'Go to', title: 'Go to a page, an image or an instance', search: 'Page, image or instance', pages: 'Pages', none: 'Nothing found', hint: 'Ctrl+K opens this from anywhere.' },
  offer: {
    status: 'Offered', sharedBy: 'Shared with this project by {{project}}', by: 'Offered by {{project}}', accept: 'Accept', reject: 'Reject', acceptOf: 'Accept {{name}}', rejectOf: 'Reject {{name}}', accepted: '{{name}} is among your shared images', rejected: '{{name}} was rejected', undo: 'Take it back',
    leaveTitle_one: 'Remove this shared image?', leaveTitle_other: 'Remove {{count}} shared images?', leaveWhat: '{{names}}: nobody in this project sees it any more. Instances that were launched from it go on. It can be taken back under Rejected.',
    rejectedTitle: 'Rejected', rejectedWhat: 'Images that this project was offered and does not want.', count_one: 'one offer', count_other: '{{count}} offers', unknown: 'another project',
  },
  ends: {
    share: 'The projects marked “Will end” lose the image when you commit. Instances that they launched from it go on.', deleted_one: 'One project that it is shared with loses it: {{names}}. Its instances go on.', deleted_other: '{{count}} projects that it is shared with lose it: {{names}}. Their instances go on.',
    projects_one: '{{count}} project', projects_other: '{{count}} projects', new_one: 'one new', new_other: '{{count}} new', ending_one: 'one will end', ending_other: '{{count}} will end', move: 'Share with {{project}}', moveBack: 'Do not share with {{project}}',
  },
}
