// The benchmark's workloads on Go's channels: a goroutine per stage, a buffered channel per hop.
// The benchmark builds this program and runs it once for each sample:
//
//	chan WORKLOAD/VARIANT STAGES CAPACITY THREADS ITEMS WARM_UP_ITEMS
//
// prints one line: wall time and CPU time in nanoseconds, the sink's checksum, and how many items
// have overtaken others. What is summed must be what chain.h, fan.h and move_only.h sum.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

type params struct {
	stages, capacity int
	items            uint64
}

// What a sink has seen.
type sink struct {
	checksum, last, overtaken uint64
}

func (s *sink) add(number, value uint64) {
	s.checksum += value
	if number < s.last {
		s.overtaken++
	}
	s.last = number
}

func mix(item uint64) uint64 {
	return (item ^ 0x9E3779B97F4A7C15) * (item + 0xBF58476D1CE4E5B9)
}

func feed(items uint64, out chan<- uint64) {
	for item := uint64(0); item < items; item++ {
		out <- item
	}
	close(out)
}

func passOn(in <-chan uint64, out chan<- uint64) {
	for item := range in {
		out <- item
	}
	close(out)
}

func chain(p params) (s sink) {
	last := make(chan uint64, p.capacity)
	go feed(p.items, last)
	for i := 0; i < p.stages; i++ {
		next := make(chan uint64, p.capacity)
		go passOn(last, next)
		last = next
	}
	for item := range last {
		s.add(item, mix(item))
	}
	return s
}

const fanWorkers = 4

type fanItem struct {
	number uint64
	words  [7]uint64
}

func makeFanItem(number uint64) fanItem {
	item := fanItem{number: number}
	for i := range item.words {
		item.words[i] = (number + uint64(i)) * 0x9E3779B97F4A7C15
	}
	return item
}

func fanWork(item *fanItem) {
	for round := 0; round < 20; round++ {
		for i, word := range item.words {
			item.words[i] = (word ^ (word >> 31)) * 0xBF58476D1CE4E5B9
		}
	}
	for i := 1; i < 7; i++ {
		item.words[0] ^= item.words[i]
	}
}

func fanWorker(in <-chan fanItem, out chan<- fanItem) {
	for item := range in {
		fanWork(&item)
		out <- item
	}
}

// All workers share one channel before and one behind them.
func fanUnordered(p params) (s sink) {
	in := make(chan fanItem, p.capacity)
	out := make(chan fanItem, p.capacity)
	go func() {
		for number := uint64(0); number < p.items; number++ {
			in <- makeFanItem(number)
		}
		close(in)
	}()
	var workers sync.WaitGroup
	for i := 0; i < fanWorkers; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			fanWorker(in, out)
		}()
	}
	go func() {
		workers.Wait()
		close(out)
	}()
	for item := range out {
		s.add(item.number, item.number*item.words[0])
	}
	return s
}

// Each worker has a channel before and one behind it, and they are served in turn.
func fanOrdered(p params) (s sink) {
	var ins, outs [fanWorkers]chan fanItem
	for i := range ins {
		ins[i] = make(chan fanItem, p.capacity/fanWorkers)
		outs[i] = make(chan fanItem, p.capacity/fanWorkers)
		go fanWorker(ins[i], outs[i])
	}
	go func() {
		for number := uint64(0); number < p.items; number++ {
			ins[number%fanWorkers] <- makeFanItem(number)
		}
		for _, in := range ins {
			close(in)
		}
	}()
	for number := uint64(0); number < p.items; number++ {
		item := <-outs[number%fanWorkers]
		s.add(item.number, item.number*item.words[0])
	}
	return s
}

type parcel struct {
	number, value uint64
	padding       [6]uint64
}

func moveOnly(p params) (s sink) {
	last := make(chan *parcel, p.capacity)
	go func(out chan<- *parcel) {
		for number := uint64(0); number < p.items; number++ {
			out <- &parcel{number: number}
		}
		close(out)
	}(last)
	for i := 0; i < p.stages; i++ {
		next := make(chan *parcel, p.capacity)
		go func(stage uint64, in <-chan *parcel, out chan<- *parcel) {
			for item := range in {
				item.value = item.value*31 + stage + 1
				out <- item
			}
			close(out)
		}(uint64(i), last, next)
		last = next
	}
	for item := range last {
		s.add(item.number, (item.number+1)*item.value)
	}
	return s
}

// Each send waits a second at most. One timer serves all of them, set anew for each: `time.After`
// would make one for every send, which lives until it fires.
func timedSend(p params) (s sink) {
	out := make(chan uint64, p.capacity)
	go func() {
		defer close(out)
		timer := time.NewTimer(time.Second)
		for item := uint64(0); item < p.items; item++ {
			timer.Reset(time.Second)
			select {
			case out <- item:
			case <-timer.C:
				return
			}
			if !timer.Stop() {
				<-timer.C
			}
		}
	}()
	for item := range out {
		s.add(item, mix(item))
	}
	return s
}

var workloads = map[string]func(params) sink{
	"chain/":        chain,
	"fan/unordered": fanUnordered,
	"fan/ordered":   fanOrdered,
	"move_only/":    moveOnly,
	"timed_send/":   timedSend,
}

// Of the whole process, all threads, the garbage collector's included.
func cpuTime() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail("getrusage failed: %v", err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "chan: "+format+"\n", arguments...)
	os.Exit(1)
}

func main() {
	if len(os.Args) != 7 {
		fail("usage: chan WORKLOAD/VARIANT STAGES CAPACITY THREADS ITEMS WARM_UP_ITEMS")
	}
	run, known := workloads[os.Args[1]]
	if !known {
		fail("there is no workload %q", os.Args[1])
	}
	var numbers [5]int
	for i, text := range os.Args[2:] {
		number, err := strconv.Atoi(text)
		if err != nil {
			fail("%q is not a number", text)
		}
		numbers[i] = number
	}
	runtime.GOMAXPROCS(numbers[2])
	p := params{stages: numbers[0], capacity: numbers[1], items: uint64(numbers[3])}

	warmUp := p
	warmUp.items = uint64(numbers[4])
	run(warmUp)

	cpuStart := cpuTime()
	start := time.Now()
	result := run(p)
	wall := time.Since(start)
	fmt.Println(wall.Nanoseconds(), cpuTime()-cpuStart, result.checksum, result.overtaken)
}
