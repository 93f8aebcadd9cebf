// Holds the connection for all windows of a browser.
import { attend } from './events'

addEventListener('connect', (event) => (event as MessageEvent).ports.forEach(attend))
