for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), body = head.closest("table").tBodies[0];
    const down = head.getAttribute("aria-sort") === "ascending";
    const key = row => row.cells[head.cellIndex].dataset.key ?? row.cells[head.cellIndex].textContent;
    const rows = [...body.rows].sort((one, other) => {
      const a = key(one), b = key(other), x = parseFloat(a), y = parseFloat(b);
      return isNaN(x) || isNaN(y) ? a.localeCompare(b) : x - y;
    });
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...(down ? rows.reverse() : rows));
  });
}
// A link to somebody's failure opens what it is folded in.
const open = () => {
  const at = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let one = at; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
  if (at) at.scrollIntoView();
};
addEventListener("hashchange", open);
open();
