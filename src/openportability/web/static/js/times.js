// Times are written in UTC by the server; here they become the reader's own.

/** @param {ParentNode} part */
export function localTimes(part) {
  const format = new Intl.DateTimeFormat(document.documentElement.lang || undefined, {
    dateStyle: "medium",
    timeStyle: "short",
  });
  for (const time of part.querySelectorAll("time[data-local]")) {
    const moment = new Date(time.getAttribute("datetime") ?? "");
    if (Number.isNaN(moment.getTime())) continue;
    time.textContent = format.format(moment);
    time.removeAttribute("data-local");
  }
}
