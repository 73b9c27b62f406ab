// Checks of the layout of a page: nothing is cut off, and no table has too many columns at first sight.

// Return descriptions of all violations, with all details open, and what the first screen shows.
export async function layout(page) {
  const firstScreen = await page.evaluate(() => {
    const bottom = (selector) => document.querySelector(selector)?.getBoundingClientRect().bottom ?? null;
    const heat = document.querySelector(".heat");
    return {
      height: innerHeight,
      verdict: bottom(".verdict"),
      grade: bottom(".evidence .badge"),
      heatMap: heat && heat.getBoundingClientRect().top,
      firstRow: bottom(".heat tbody tr"),
      lastRow: bottom(".heat tbody tr:last-child"),
    };
  });
  const problems = await page.evaluate(() => {
    for (const details of document.querySelectorAll("details")) details.open = true;
    const width = document.documentElement.clientWidth;
    const isVisible = (element) => element.getClientRects().length > 0;
    const name = (element) => `${element.tagName.toLowerCase()}.${element.className.baseVal ?? element.className} ${element.textContent.trim().slice(0, 40)}`;
    const region = (element) => element.closest('[tabindex="0"]');
    const problems = [];
    for (const element of document.querySelectorAll("body *")) {
      if (!isVisible(element) || element.closest("svg svg, .visually-hidden, optgroup, option")) continue;
      const box = element.getBoundingClientRect();
      if ((box.left < -0.5 || box.right > width + 0.5) && !region(element)) problems.push(`outside the page: ${name(element)}`);
    }
    // Only the heat map may be wider than its region, and only its policies may be shortened.
    for (const scroll of document.querySelectorAll(".scroll")) {
      if (!isVisible(scroll) || scroll.querySelector(".heat")) continue;
      if (scroll.scrollWidth > scroll.clientWidth + 1) problems.push(`cut off: ${scroll.ariaLabel} ${scroll.scrollWidth} > ${scroll.clientWidth}`);
    }
    for (const cell of document.querySelectorAll("th, td")) {
      if (isVisible(cell) && cell.scrollWidth > cell.clientWidth + 1 && !cell.title) problems.push(`cut off: ${name(cell)}`);
    }
    for (const table of document.querySelectorAll(".grid table")) {
      const visible = [...(table.rows[1] ?? table.rows[0]).cells].filter(isVisible).length;
      if (visible > 5) problems.push(`${visible} columns: ${table.closest(".scroll").ariaLabel}`);
    }
    return problems;
  });
  return { firstScreen, problems };
}
