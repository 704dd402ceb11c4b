let pressed = false;

function press(): void {
  pressed = true;
}

function release(): void {
  pressed = false;
}

window.addEventListener('pointerdown', press, true);
window.addEventListener('pointerup', release, true);
window.addEventListener('pointercancel', release, true);

/**
 * Does something once no button of a mouse is held down. What is said when a field is left moves what is beneath it: a button that
 * is being pressed would slip away from under the pointer, and its click would be lost.
 */
export function afterPointer(act: () => void): void {
  if (!pressed) {
    act();
    return;
  }
  const go = (): void => {
    window.removeEventListener('pointerup', go);
    window.removeEventListener('pointercancel', go);
    // The click comes right after it.
    setTimeout(act);
  };
  window.addEventListener('pointerup', go);
  window.addEventListener('pointercancel', go);
}
