/** The words of administration. */
export const admin = {
  scope: { mine: 'This project', all: 'All projects', noImages: 'No images in any project', noInstances: 'No instances in any project', gone: 'Project is gone' },
  host: {
    title: 'Host and stores', ready: 'Ready', notReady: 'Not ready', host: 'Host', health: 'Health', stores: 'Stores', jobs: 'Jobs', database: 'Database', store: 'Default store', chunks: 'Chunks', sweeping: 'Sweeping',
    ok: 'In order', unwritable: 'Cannot be written', noRoom: 'Less room than is kept free', damaged: 'Some are damaged', unknown: 'Not known', undone: 'Left something undone: the log says why',
    guests: 'Running instances', guestMemory: 'Memory of running instances', vcpus: 'vCPUs of running instances', load: 'Load', loadOf_one: '{{percent}} % of one processor', loadOf_other: '{{percent}} % of {{count}} processors', memory: 'Memory in use on the host', disk: 'Disk of the instances', diskFree: '{{free}} free, {{reserve}} kept free',
    accel: 'Guests run with', kvm: 'KVM', tcg: 'emulation (slow, not isolated)', sweep: 'Last sweep', scrub: 'Last scrub', done: 'Done', never: 'None in the last week', underWay: 'Under way', failed: 'Failed',
    used: '{{used}} used, {{free}} free', kept: '{{reserve}} are kept free', readOnly: 'Read-only', full: 'Takes nothing: no room', damagedChunks_one: '1 damaged chunk', damagedChunks_other: '{{count}} damaged chunks', checkHint: 'effigy store check names the images.', inBucket: '{{used}} in a bucket', bucket: '{{bucket}}; {{cached}} of it are kept here for reading, {{cache}} at most', away: 'The bucket does not answer: nothing can be saved now', sweepStopped: 'The last sweep left something undone',
    lane: 'Kind of work', waiting: 'Waiting', running: 'Running', workers: 'At a time', lanes: { front: 'Captures and verifications', import: 'Imports', clean: 'Cleaned copies', back: 'Checksums, sweeps and scrubs' },
  },
  usage: { of: '{{used}} / {{limit}}', uploads: 'Uploads at a time', staged_bytes: 'Staged bytes', disk_gib: 'Instance disks', leftovers: 'Without a record', leftoversHint: 'The project was deleted, and something of it is left.' },
  quota: { edit: 'Quota', title: 'Quota of {{name}}', what: 'An empty field is the deployment’s usual limit. A new limit holds at once; what is there stays, even when it is more.', used: '{{used}} used; usually {{usual}}', usual: 'As usual' },
  flavors: {
    edit: 'Edit', editOf: 'Edit flavor {{name}}', save: 'Save', copy: 'Flavors cannot be changed in place: this one is deleted and made anew under the same name and ID. Instances that have it keep what they were launched with.', description: 'Description',
  },
  users: { projects: 'Projects', more_one: 'and one more', more_other: 'and {{count}} more', none: 'None', lastSignIn: 'Last sign-in', never: 'Not known', locked_one: 'Locked for 1 address', locked_other: 'Locked for {{count}} addresses', lockedHint: 'Too many wrong passwords; until {{until}}.', unlock: 'Unlock' },
  audit: {
    who: 'User name', project: 'Project name', outcome: 'Outcome', anyOutcome: 'Any outcome', since: 'From', until: 'To', request: 'Request', target: 'Target ID', address: 'Address', details: 'Details of {{action}}', most: 'The first {{count}} events are saved.', user: 'User ID', projectId: 'Project ID',
    times: 'Times', hint: 'image finds image.create and all others of images.', status: 'Status', client: 'Client’s request',
  },
}
