/** How text of others is shown and handed on; the page and the command line do it alike. */
export { plainLine, visibleJson, visibleText } from '../base/text.ts';
