// When each word of a dataflow design moves, image by image. Called by sqz_hw/estimate/dataflow_engine.py,
// which lays out the arrays; sqz_hw/estimate/dataflow.py says what the times mean.
//
// Processes are run in any order, each until it waits: reads and writes block, so the order
// changes no time (Kahn 1974). All of one image is done before the next is begun, for the
// same reason. Words are numbered through all images of a run.

#include <cstdint>
#include <vector>

namespace {

const uint8_t READS = 1;
const uint8_t WRITES = 2;

struct Design {
    // Processes: what each does in one image, and the streams it is tied to.
    int32_t processes;
    const int64_t *first_operation; // processes + 1
    const int32_t *cycles;          // of each operation
    const uint8_t *kind;            // READS, WRITES or both
    const int64_t *latency;         // cycles from the end of a writing operation to the word's arrival
    const int64_t *drain;           // cycles between the last operation of an image and the next image
    const int64_t *release;         // image k does not begin before k times this
    const int32_t *first_input;     // processes + 1
    const int32_t *inputs;
    const int32_t *first_output; // processes + 1
    const int32_t *outputs;
    // Streams.
    int32_t streams;
    const int64_t *words;  // an image
    const int64_t *depth;  // 0: no bound
    const int32_t *source; // process
    const int32_t *sink;   // process
};

struct Times {
    int64_t *const *arrived; // by stream and word: the first cycle in which it can be read
    int64_t *const *read;    // by stream and word: the cycle in which it is read
    int64_t *ended;          // by image and process: ready for the next image
    int64_t *starved;        // by image and process: cycles spent waiting for a word
    int64_t *blocked;        // by image and process: cycles spent waiting for room
    int64_t *stalls;         // by image and stream: cycles in which its writer waits for room in it
    int32_t *waits_for;      // by process, when stuck: the process it waits for, else -1
};

struct Process {
    int64_t now = 0;
    int64_t next = 0; // operation
    int64_t reads = 0;
    int64_t writes = 0;
    bool begun = false; // the operation is done but for its write
    bool queued = false;
};

class Run {
  public:
    Run(const Design &design, const Times &times)
        : design(design), times(times), processes(design.processes), written(design.streams, 0),
          taken(design.streams, 0) {}

    // Runs one image; false if processes wait for each other for ever.
    bool image(int64_t number) {
        int unfinished = design.processes;
        for (int32_t p = 0; p < design.processes; p++) {
            processes[p].next = design.first_operation[p];
            if (processes[p].now < number * design.release[p]) processes[p].now = number * design.release[p];
            times.waits_for[p] = -1;
            wake(p);
        }
        while (!queue.empty()) {
            std::vector<int32_t> ready;
            ready.swap(queue);
            for (int32_t p : ready) {
                processes[p].queued = false;
                if (processes[p].next < design.first_operation[p + 1] && run(p, number)) unfinished--;
            }
        }
        return unfinished == 0;
    }

    // Whether every word moved exactly `period` cycles later than in the image before.
    bool repeats(int64_t number, int64_t period) const {
        for (int32_t s = 0; s < design.streams; s++) {
            const int64_t words = design.words[s];
            for (int64_t n = number * words; n < (number + 1) * words; n++) {
                if (times.arrived[s][n] != times.arrived[s][n - words] + period) return false;
                if (times.read[s][n] != times.read[s][n - words] + period) return false;
            }
        }
        return true;
    }

  private:
    const Design &design;
    const Times &times;
    std::vector<Process> processes;
    std::vector<int64_t> written, taken; // words, by stream
    std::vector<int32_t> queue;

    void wake(int32_t p) {
        if (!processes[p].queued) {
            processes[p].queued = true;
            queue.push_back(p);
        }
    }

    // Runs a process until it waits or has done the image; true if it has.
    bool run(int32_t p, int64_t number) {
        Process &process = processes[p];
        const int64_t end = design.first_operation[p + 1], reads = process.reads, writes = process.writes;
        times.waits_for[p] = -1;
        while (process.next < end && begin(p, number) && finish(p, number)) {
        }
        for (int32_t i = design.first_input[p]; i < design.first_input[p + 1] && process.reads > reads; i++) {
            taken[design.inputs[i]] = process.reads;
            wake(design.source[design.inputs[i]]);
        }
        for (int32_t o = design.first_output[p]; o < design.first_output[p + 1] && process.writes > writes; o++) {
            written[design.outputs[o]] = process.writes;
            wake(design.sink[design.outputs[o]]);
        }
        if (process.next < end) return false;
        process.now += design.drain[p];
        times.ended[number * design.processes + p] = process.now;
        return true;
    }

    // Reads a word from every input at once and does the operation; false if one has not come.
    bool begin(int32_t p, int64_t number) {
        Process &process = processes[p];
        if (process.begun) return true;
        int64_t start = process.now;
        if (design.kind[process.next] & READS) {
            for (int32_t i = design.first_input[p]; i < design.first_input[p + 1]; i++) {
                const int32_t s = design.inputs[i];
                if (process.reads >= written[s]) return wait(p, design.source[s]);
                if (times.arrived[s][process.reads] > start) start = times.arrived[s][process.reads];
            }
            for (int32_t i = design.first_input[p]; i < design.first_input[p + 1]; i++) {
                times.read[design.inputs[i]][process.reads] = start;
            }
            process.reads++;
        }
        times.starved[number * design.processes + p] += start - process.now;
        process.now = start + design.cycles[process.next];
        process.begun = true;
        return true;
    }

    // Writes a word to every output at once; false if one has no room yet.
    bool finish(int32_t p, int64_t number) {
        Process &process = processes[p];
        int64_t now = process.now;
        if (design.kind[process.next] & WRITES) {
            for (int32_t o = design.first_output[p]; o < design.first_output[p + 1]; o++) {
                const int32_t s = design.outputs[o];
                if (bounded(process, s) && process.writes - design.depth[s] >= taken[s]) {
                    return wait(p, design.sink[s]);
                }
            }
            for (int32_t o = design.first_output[p]; o < design.first_output[p + 1]; o++) {
                const int32_t s = design.outputs[o];
                if (!bounded(process, s)) continue;
                const int64_t room = times.read[s][process.writes - design.depth[s]] + 2 - design.latency[p];
                if (room > process.now) times.stalls[number * design.streams + s] += room - process.now;
                if (room > now) now = room;
            }
            for (int32_t o = design.first_output[p]; o < design.first_output[p + 1]; o++) {
                times.arrived[design.outputs[o]][process.writes] = now + design.latency[p];
            }
            process.writes++;
        }
        times.blocked[number * design.processes + p] += now - process.now;
        process.now = now;
        process.begun = false;
        process.next++;
        return true;
    }

    bool bounded(const Process &process, int32_t s) const {
        return design.depth[s] != 0 && process.writes >= design.depth[s];
    }

    bool wait(int32_t p, int32_t other) {
        times.waits_for[p] = other;
        return false;
    }
};

} // namespace

extern "C" {

// Runs `images` images; returns how many went through (fewer only if the design is deadlocked).
int64_t dataflow_run(const Design *design, const Times *times, int64_t images) {
    Run run(*design, *times);
    for (int64_t number = 0; number < images; number++) {
        if (!run.image(number)) return number;
    }
    return images;
}

// Whether images that are released every `period` cycles come to leave every `period` cycles:
// `alike` images in a row that each repeat the one before, `period` cycles later, are followed by
// more of them if no FIFO is deeper than `alike` images. Returns the images it took, 0 if they do
// not within `images`, -1 if the design is deadlocked.
int64_t dataflow_sustains(const Design *design, const Times *times, int64_t images, int64_t period,
                          int64_t alike) {
    Run run(*design, *times);
    int64_t repeated = 0;
    for (int64_t number = 0; number < images; number++) {
        if (!run.image(number)) return -1;
        repeated = number > 0 && run.repeats(number, period) ? repeated + 1 : 0;
        if (repeated == alike) return number + 1;
    }
    return 0;
}

// Most words that are in each FIFO at once, in `images` images.
void dataflow_high_water(const Design *design, const Times *times, int64_t images, int64_t *most) {
    for (int32_t s = 0; s < design->streams; s++) {
        int64_t gone = 0;
        most[s] = 0;
        for (int64_t n = 0; n < images * design->words[s]; n++) {
            while (gone < n && times->read[s][gone] <= times->arrived[s][n] - 2) gone++;
            if (n + 1 - gone > most[s]) most[s] = n + 1 - gone;
        }
    }
}

} // extern "C"
