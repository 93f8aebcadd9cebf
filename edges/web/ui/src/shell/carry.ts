// A row of a list is carried to another place by its handle, with a finger, a pen or a mouse. Rows say their place by `data-at`;
// they need not all be in the document.
import type { Attachment } from 'svelte/attachments'

/** So near to an edge the list is scrolled, and so far at each picture of the screen. */
const EDGE_PX = 96
const STEP_PX = 10

/** Makes an element the handle of the row at this place. */
export function carries(at: number, move: (to: number) => void): Attachment<HTMLElement> {
  return (handle) => {
    const begin = (event: PointerEvent) => {
      const list = handle.closest<HTMLElement>('[role=list], ol, ul')
      if (!list || event.button) return
      // No text is marked on the way.
      event.preventDefault()
      carry(list, at, event, move)
    }
    handle.addEventListener('pointerdown', begin)
    return () => handle.removeEventListener('pointerdown', begin)
  }
}

function carry(list: HTMLElement, at: number, { pointerId, clientY }: PointerEvent, move: (to: number) => void): void {
  const ends = new AbortController()
  const { signal } = ends
  const rows = () => list.querySelectorAll<HTMLElement>('[data-at]')
  const box = scroller(list)
  let [height, to, hasMoved] = [clientY, at, false]

  function look(): void {
    const { left, width } = list.getBoundingClientRect()
    // Beside the list its height alone counts, and what lies over it is not in the way.
    const under = document.elementsFromPoint(left + width / 2, height).find((one) => list.contains(one))?.closest<HTMLElement>('[data-at]')
    if (under) to = Number(under.dataset.at)
    for (const row of rows()) {
      const place = Number(row.dataset.at)
      row.toggleAttribute('data-carried', place === at)
      if (place === to && to !== at) row.dataset.drop = to < at ? 'before' : 'behind'
      else delete row.dataset.drop
    }
  }
  function scroll(): void {
    if (signal.aborted) return
    const { top, bottom } = box === document.scrollingElement ? { top: 0, bottom: innerHeight } : box.getBoundingClientRect()
    const by = height < top + EDGE_PX ? -STEP_PX : height > Math.min(bottom, innerHeight) - EDGE_PX ? STEP_PX : 0
    if (hasMoved && by) box.scrollTop += by
    if (hasMoved) look()
    requestAnimationFrame(scroll)
  }
  const end = () => {
    ends.abort()
    for (const row of rows()) [row.removeAttribute('data-carried'), delete row.dataset.drop]
  }
  const mine = (act: (event: PointerEvent) => void) => (event: PointerEvent) => event.pointerId === pointerId && act(event)

  addEventListener('pointermove', mine((event) => {
    hasMoved ||= Math.abs(event.clientY - clientY) > 4
    height = event.clientY
  }), { signal })
  addEventListener('pointerup', mine(() => {
    end()
    if (hasMoved) dropClick()
    if (to !== at) move(to)
  }), { signal })
  addEventListener('pointercancel', mine(end), { signal })
  addEventListener('keydown', (event) => (event as KeyboardEvent).key === 'Escape' && (event.preventDefault(), end()), { signal, capture: true })
  requestAnimationFrame(scroll)
}

/** Who has dragged a handle has not pressed it. */
function dropClick(): void {
  const drop = (event: Event) => event.stopPropagation()
  addEventListener('click', drop, { capture: true, once: true })
  setTimeout(() => removeEventListener('click', drop, { capture: true }))
}

/** What is scrolled when a part of it is not in sight. */
function scroller(element: Element): Element {
  for (let box = element.parentElement; box; box = box.parentElement) {
    if (box.scrollHeight > box.clientHeight && /auto|scroll/.test(getComputedStyle(box).overflowY)) return box
  }
  return document.scrollingElement ?? element
}
