// A sound when a term is near, three when it is over: once in a browser for each, however many tabs show the call.
const SWITCH = "homecall-sound";
const HEARD = "homecall-sounded";
const MOST = 500;
let audio = null;
let waiting = 0;

export const isOn = () => localStorage.getItem(SWITCH) === "on";

export function switchOn(on) {
  localStorage.setItem(SWITCH, on ? "on" : "off");
  sound(1);
}

function play(times) {
  for (let each = 0; each < times; each += 1) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const start = audio.currentTime + each * 0.3;
    tone.frequency.value = 880;
    volume.gain.setValueAtTime(0.15, start);
    tone.connect(volume).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.2);
  }
}

// A browser lets a page sound only after the user has done something on it: until then the page says so.
export function sound(times) {
  if (!isOn()) return;
  audio ??= new AudioContext();
  if (audio.state === "running") {
    play(times);
  } else {
    waiting = Math.max(waiting, times);
    audio.resume().then(ready);
  }
  show();
}

function ready() {
  if (waiting && audio?.state === "running") {
    play(waiting);
    waiting = 0;
  }
  show();
}

function show() {
  const line = document.getElementById("sound-blocked");
  if (line) line.hidden = !isOn() || audio === null || audio.state === "running";
}

function isNews(call, state) {
  const heard = JSON.parse(localStorage.getItem(HEARD) ?? "[]");
  const name = `${call} ${state}`;
  if (heard.includes(name)) return false;
  localStorage.setItem(HEARD, JSON.stringify([...heard, name].slice(-MOST)));
  return true;
}

export function startSound() {
  document.addEventListener("term", (event) => {
    const times = { near: 1, over: 3 }[event.detail];
    if (times && isOn() && isNews(event.target.dataset.requestId, event.detail)) sound(times);
  });
  for (const type of ["pointerdown", "keydown"]) document.addEventListener(type, () => audio?.resume().then(ready));
  if (isOn()) {
    audio = new AudioContext();
    audio.onstatechange = ready;
    show();
  }
}
