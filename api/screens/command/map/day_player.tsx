// The day, played hour by hour.
export function DayPlayer() {
  return null;
}
