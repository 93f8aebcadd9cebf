// What is to be pasted elsewhere.
import { notices } from './notices.svelte'

/** Copies a text, whose place on the page is `beside`. */
export async function copy(text: string, beside: Element): Promise<void> {
  // Browsers have a clipboard for pages that came over TLS; others copy what is selected.
  const copied = navigator.clipboard ? await navigator.clipboard.writeText(text).then(() => true, () => false) : copySelected(text, beside)
  if (copied) notices.say('Copied')
  else notices.say(`This browser does not copy by itself. Here it is: ${text}`)
}

function copySelected(text: string, beside: Element): boolean {
  const field = Object.assign(document.createElement('textarea'), { value: text, className: 'unseen', readOnly: true })
  const focused = document.activeElement as HTMLElement | null
  // What is outside of an open dialog cannot be selected.
  beside.after(field)
  field.select()
  const copied = document.execCommand('copy')
  field.remove()
  focused?.focus()
  return copied
}
