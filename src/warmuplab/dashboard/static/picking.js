// The map under the mouse and the keyboard: what a click and a key select.

const cursor = { map: 0, x: 0, y: 0 }; // of the keyboard

/** Select the cell, its row or its column, as the switch below the map says. */
function pickCell(map, x, y, adding) {
  const setting = mapSettings()[map];
  const [rate, warmup] = [DATA.roles.rate[y], DATA.roles.warmup[x]];
  const cells = overviewCells.filter(
    (cell) =>
      cell.setting === setting &&
      (state.pick === "warmup" || cell.rate === rate) &&
      (state.pick === "rate" || cell.warmup === warmup),
  );
  const runs = cells.flatMap((cell) => cell.runs);
  if (runs.length) select(runs, adding);
}

function onMapKey(event) {
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  if (event.key in moves) moveCursor(...moves[event.key]);
  else if (event.key === "Enter") pickCell(cursor.map, cursor.x, cursor.y, event.ctrlKey);
  else if (event.key === " ") pickCell(cursor.map, cursor.x, cursor.y, true);
  else return;
  event.preventDefault();
}

/** Move the keyboard's cell, from the edge of a map into the next one. */
function moveCursor(dx, dy) {
  const columns = DATA.roles.warmup.length;
  const maps = mapSettings().length;
  cursor.x += dx;
  if (cursor.x < 0 || cursor.x >= columns) {
    const next = cursor.map + dx;
    if (next >= 0 && next < maps) {
      cursor.map = next;
      cursor.x = dx > 0 ? 0 : columns - 1;
    }
  }
  cursor.x = Math.min(Math.max(cursor.x, 0), columns - 1);
  cursor.y = Math.min(Math.max(cursor.y + dy, 0), DATA.roles.rate.length - 1);
  const cell = overviewCells.find(
    (it) =>
      it.setting === mapSettings()[cursor.map] &&
      it.rate === DATA.roles.rate[cursor.y] &&
      it.warmup === DATA.roles.warmup[cursor.x],
  );
  say(overviewWords([cell], state.metric) + ` ${[cell.setting, cell.warmup, cell.rate].filter(Boolean).join(", ")}`);
  drawFrames();
}
