// Where the images of a lineage stand in its picture.

export const NODE = { width: 184, height: 54, between: 52, beside: 12, indent: 26 }

export interface Place {
  left: number
  top: number
  /** Undefined: as wide as there is room. */
  width?: number
}

export interface Picture {
  /** Of each ancestor from the oldest, of the image, and of each of those made from it. */
  places: Place[]
  /** Lines of an SVG, one from each image to the one made from it. */
  lines: string[]
  width?: number
  height: number
}

/** So many of the images made from one are drawn. */
export const MOST_DRAWN = 6

/** From left to right; those made from the image stand below each other. */
function across(ancestors: number, made: number): Picture {
  const { width, height, between, beside } = NODE
  const rows = Math.max(1, made)
  const whole = rows * height + (rows - 1) * beside
  const middle = (whole - height) / 2
  const at = (column: number, top: number): Place => ({ left: column * (width + between), top, width })
  const chain = Array.from({ length: ancestors + 1 }, (_, column) => at(column, middle))
  const ends = Array.from({ length: made }, (_, row) => at(ancestors + 1, row * (height + beside)))
  const curve = (from: Place, to: Place) => {
    const [x, y, right, low] = [from.left + width, from.top + height / 2, to.left, to.top + height / 2]
    return `M${x} ${y}C${x + between / 2} ${y} ${right - between / 2} ${low} ${right} ${low}`
  }
  const self = chain[ancestors] as Place
  const lines = [...chain.slice(1).map((to, n) => curve(chain[n] as Place, to)), ...ends.map((to) => curve(self, to))]
  const columns = ancestors + 1 + (made > 0 ? 1 : 0)
  return { places: [...chain, ...ends], lines, width: columns * width + (columns - 1) * between, height: whole }
}

/** From the top down, where there is no room for columns; those made from the image are indented. */
function down(ancestors: number, made: number): Picture {
  const { height, beside, indent } = NODE
  const step = height + beside
  const places = Array.from({ length: ancestors + 1 + made }, (_, n) => ({ left: n > ancestors ? indent : 0, top: n * step }))
  const trunk = indent / 2
  const lines = places.slice(1).map(({ left, top }, n) =>
    left > 0 ? `M${trunk} ${ancestors * step + height}V${top + height / 2}H${left}` : `M${trunk} ${n * step + height}V${top}`,
  )
  return { places, lines, height: places.length * step - beside }
}

/** The picture for so many images, in a room of this width. */
export function pictureOf(ancestors: number, made: number, room: number): Picture {
  const wide = across(ancestors, made)
  return (wide.width ?? 0) <= room ? wide : down(ancestors, made)
}
