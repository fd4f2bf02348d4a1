/** Lets the browser save a text as a file. */
export function saveText(name: string, text: string) {
  const address = URL.createObjectURL(new Blob([text], { type: 'application/octet-stream' }))
  saveFrom(address, name)
  // A busy browser begins to save some turns later.
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}

/** Lets the browser save what is at an address of this service. */
export function saveFrom(address: string, name: string) {
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
}
