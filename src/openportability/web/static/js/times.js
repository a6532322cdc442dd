// Times are written in UTC by the server; here they become the reader's own, without the day where that is today.

/** @param {ParentNode} part */
export function localTimes(part) {
  const language = document.documentElement.lang || undefined;
  const long = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const short = new Intl.DateTimeFormat(language, { timeStyle: "short" });
  const today = new Date().toDateString();
  for (const time of part.querySelectorAll("time[data-local]")) {
    const moment = new Date(time.getAttribute("datetime") ?? "");
    if (Number.isNaN(moment.getTime())) continue;
    time.textContent = (moment.toDateString() === today ? short : long).format(moment);
    time.removeAttribute("data-local");
  }
}
