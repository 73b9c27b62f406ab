for (const table of document.querySelectorAll("table.sortable")) {
  table.querySelectorAll("th").forEach((head, column) => {
    if (head.classList.contains("reasons")) return;
    const button = document.createElement("button");
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const wasAscending = head.ariaSort === "ascending";
      for (const heading of table.querySelectorAll("th")) heading.ariaSort = null;
      head.ariaSort = wasAscending ? "descending" : "ascending";
      const value = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent;
      const rows = [...table.tBodies[0].rows].sort((a, b) =>
        value(a).localeCompare(value(b)) && (value(a) - value(b) || value(a).localeCompare(value(b))));
      table.tBodies[0].append(...(wasAscending ? rows.reverse() : rows));
    });
  });
}
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
